/** Number of kind codes: 0 for execution tokens, 1 to 4 for planning tokens. */
export const NUM_KINDS = 5;

/** Checks what both backends of the kernel take, before any work. */
export function checkAmplify(
  advantages: Float32Array,
  kinds: Uint8Array,
  gains: Float32Array,
): void {
  checkType("advantages", advantages, Float32Array);
  checkType("kinds", kinds, Uint8Array);
  checkType("gains", gains, Float32Array);
  if (gains.length !== NUM_KINDS) {
    throw new RangeError(
      `Cannot amplify as gains must hold ${NUM_KINDS} values, one per kind: current length is ${gains.length}`,
    );
  }
  if (gains[0] !== 0) {
    throw new RangeError(
      `Cannot amplify as gains[0] must be 0, execution tokens pass unchanged: ` +
        `current value is ${gains[0]}`,
    );
  }
  for (let kind = 1; kind < NUM_KINDS; kind++) {
    if (!Number.isFinite(gains[kind])) {
      throw new RangeError(
        `Cannot amplify as gains must be finite: gains[${kind}] is ${gains[kind]}`,
      );
    }
  }
  if (kinds.length !== advantages.length) {
    throw new RangeError(
      `Cannot amplify as kinds must hold one value per token, ${advantages.length}: ` +
        `current length is ${kinds.length}`,
    );
  }
  for (let t = 0; t < kinds.length; t++) {
    const kind = kinds[t]!;
    if (kind >= NUM_KINDS) {
      throw new RangeError(`Cannot amplify as kinds are 0 to 4: kinds[${t}] is ${kind}`);
    }
    if (gains[kind] !== 0 && !Number.isFinite(advantages[t])) {
      throw new RangeError(
        `Cannot amplify as advantages of planning tokens must be finite: ` +
          `advantages[${t}] is ${advantages[t]}, set kinds[${t}] to 0 to pass it through`,
      );
    }
  }
}

function checkType(
  name: string,
  value: unknown,
  type: typeof Float32Array | typeof Uint8Array,
): void {
  if (value instanceof type) return;
  const current = value?.constructor?.name ?? String(value);
  throw new TypeError(
    `Cannot amplify as ${name} must be a ${type.name}: current value is ${current}`,
  );
}
