import { InputRangeError } from "../batch/mod.ts";

/** Checks shared by everything that works on the rewards of groups. */
export function checkGroups(
  action: string,
  rewards: Float32Array,
  groupIds: Int32Array,
  include: Uint8Array | undefined,
): void {
  const numSequences = rewards.length;
  for (const [field, values] of [["groupIds", groupIds], ["include", include]] as const) {
    if (values !== undefined && values.length !== numSequences) {
      throw new InputRangeError(
        `Cannot ${action} as ${field} must hold one value per reward, ${numSequences}: ` +
          `current length is ${values.length}`,
      );
    }
  }
  for (let s = 0; s < numSequences; s++) {
    if (include !== undefined && include[s]! > 1) {
      throw new InputRangeError(
        `Cannot ${action} as include holds only 0 and 1: include[${s}] is ${include[s]}`,
      );
    }
    if (include?.[s] === 0) continue;
    if (!Number.isFinite(rewards[s])) {
      throw new InputRangeError(
        `Cannot ${action} as rewards must be finite: rewards[${s}] is ${rewards[s]}, ` +
          `or set include[${s}] to 0 to leave the sequence out`,
      );
    }
    if (groupIds[s] === -1) {
      throw new InputRangeError(
        `Cannot ${action} as every sequence needs a known group: groupIds[${s}] is -1, ` +
          `give it the id of its prompt or set include[${s}] to 0`,
      );
    }
  }
}

/** The sequences of each group, in order of first appearance; excluded sequences are in none. */
export function groupMembers(groupIds: Int32Array, include: Uint8Array | undefined): number[][] {
  const members = new Map<number, number[]>();
  for (let s = 0; s < groupIds.length; s++) {
    if (include?.[s] === 0) continue;
    const group = members.get(groupIds[s]!);
    if (group === undefined) members.set(groupIds[s]!, [s]);
    else group.push(s);
  }
  return [...members.values()];
}
