import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { type CaseSet, flat, withCaseFolder } from "../../../bench/python/case_folder.ts";
import { compare } from "../../../bench/python/comparison.ts";
import { addedMemory, memoryRows } from "../../../bench/python/memory.ts";
import { CaseSkippedError, PeerProcess } from "../../../bench/python/peer_process.ts";
import { Sides } from "../../../bench/python/sides.ts";
import { here, inPython, mustFind, takeTurns } from "../../../bench/python/take_turns.ts";

const FAKE = fileURLToPath(new URL("fake_peer.py", import.meta.url));
const TURNS = fileURLToPath(new URL("../../../bench/peers/", import.meta.url));
const command = (...flags: string[]) => ["python3", FAKE, TURNS, ...flags] as [string, ...string[]];

const arrays = { "values": "values" };
const CASES: CaseSet = {
  arrays: { "values": flat(Int32Array.of(1, 2, -4)) },
  cases: {
    "sum": { run: "total", arrays },
    "wrong sum": { run: "total", arrays, options: { off: 1 } },
    "another sum each time": { run: "total", arrays, options: { drift: 1 } },
    "not installed": { run: "not installed", arrays },
    "unavailable": { run: "unavailable", arrays },
    "broken": { run: "broken", arrays },
    "big": { run: "big", arrays, options: { bytes: 2 ** 26 } },
    "ends": { run: "ends", arrays },
    "nothing": { run: "big", arrays, options: { bytes: 0 } },
  },
};

async function withPeer(
  test: (peer: PeerProcess, folder: string) => Promise<void>,
): Promise<void> {
  await withCaseFolder(CASES, async (folder) => {
    const peer = await PeerProcess.start(command());
    try {
      await test(peer, folder);
    } finally {
      await peer.close();
    }
  });
}

async function withSides(test: (sides: Sides, folder: string) => Promise<void>): Promise<void> {
  await withCaseFolder(CASES, async (folder) => {
    const sides = new Sides(() => command());
    try {
      await test(sides, folder);
    } finally {
      await sides.close();
    }
  });
}

Deno.test("PeerProcess.run() runs cases on the bytes of the folder, prepared once", () =>
  withPeer(async (peer, folder) => {
    assert.deepEqual(peer.versions, { Python: "3" });
    const first = await peer.run({ folder, case: "sum" });
    assert.equal(first.result, -1);
    assert.ok(first.nanoseconds >= 0 && first.peakMemoryBytes > 2 ** 20);
    assert.ok(first.setupNanoseconds! > 0);
    assert.equal((await peer.run({ folder, case: "sum" })).setupNanoseconds, null);
  }));

Deno.test("PeerProcess.run() forgets what was prepared when the folder is another", () =>
  withPeer(async (peer, folder) => {
    await peer.run({ folder, case: "sum" });
    const set = {
      arrays: { "values": flat(Int32Array.of(5)) },
      cases: { "sum": CASES.cases["sum"]! },
    };
    const other = await withCaseFolder(set, (folder) => peer.run({ folder, case: "sum" }));
    assert.equal(other.result, 5);
    assert.ok((await peer.run({ folder, case: "sum" })).setupNanoseconds! > 0);
  }));

Deno.test("PeerProcess.run() tells what is skipped from what is broken, and goes on", () =>
  withPeer(async (peer, folder) => {
    for (
      const [name, message] of [["not installed", /no_such_module/], [
        "unavailable",
        /^needs a/,
      ]] as const
    ) {
      await assert.rejects(peer.run({ folder, case: name }), (error) => {
        assert.ok(error instanceof CaseSkippedError);
        assert.match(error.message, message);
        return true;
      });
    }
    await assert.rejects(peer.run({ folder, case: "broken" }), {
      message: 'Cannot compare with "broken" as it must run: ValueError: no good',
    });
    await assert.rejects(peer.run({ folder, case: "unknown" }), /KeyError: 'unknown'/);
    assert.equal((await peer.run({ folder, case: "sum" })).result, -1);
  }));

Deno.test("PeerProcess.run() says how the process ended when it did", () =>
  withPeer(async (peer, folder) => {
    await assert.rejects(peer.run({ folder, case: "ends" }), {
      message: /^Cannot run python3 as it must go on until it is told to end: it ended with 3\n/,
    });
  }));

Deno.test("PeerProcess.start() passes on why there is no process", async () => {
  await assert.rejects(PeerProcess.start(command("--mute")), /ended with 1\nnothing to say\n$/);
  await assert.rejects(PeerProcess.start(command("--garbled")), {
    name: "SyntaxError",
    message:
      "Cannot read what python3 wrote as it must begin with its versions: current value is hello",
  });
  await assert.rejects(
    PeerProcess.start(["nowhere/python"]),
    /Cannot run nowhere\/python as it must/,
  );
});

Deno.test("takeTurns() times both sides in turns and leaves out what is skipped", () =>
  withSides(async (sides, folder) => {
    const place = { sides, threads: 1, folder };
    const calls: string[] = [];
    const { turns, skipped } = await takeTurns(
      {
        "ours": here(() => calls.push("ours") && -1, 7),
        "theirs": inPython(place, "sum", (answer) => {
          calls.push("theirs");
          mustFind("sum", -1)(answer);
        }),
        "absent": inPython(place, "unavailable"),
      },
      2,
      { warmUpMs: 0 },
    );
    assert.equal(calls.join(" "), "ours ours ours theirs ours theirs ours theirs");
    assert.deepEqual(Object.keys(turns), ["ours", "theirs"]);
    assert.deepEqual(turns["theirs"]!.samplesMs.length, 2);
    assert.deepEqual([turns["ours"]!.setupMs, turns["ours"]!.result], [7, -1]);
    assert.ok(turns["theirs"]!.setupMs! > 0);
    assert.deepEqual(skipped, { "absent": "needs a compiler" });
  }));

Deno.test("takeTurns() refuses a peer whose result is wrong or changes", () =>
  withSides(async (sides, folder) => {
    const place = { sides, threads: 1, folder };
    await assert.rejects(
      takeTurns({ theirs: inPython(place, "wrong sum", mustFind("wrong sum", -1)) }, 1),
      { message: 'Cannot compare with "wrong sum" as it must find -1: current value is 0' },
    );
    await assert.rejects(
      takeTurns({ theirs: inPython(place, "another sum each time") }, 1),
      { message: "Cannot time theirs as it must do the same in every round" },
    );
  }));

Deno.test("compare() sets times beside the first of ours", () =>
  withSides(async (sides, folder) => {
    const place = { sides, threads: 1, folder };
    const subject = {
      task: "matcher",
      input: "3 numbers",
      items: 3,
      unit: "tokens",
      bytes: 12,
      threads: 1,
    } as const;
    const { rows, skipped } = await compare(subject, [
      { name: "hicra", side: "ours", what: "sum", contestant: here(() => -1) },
      {
        name: "list",
        side: "Python",
        what: "sum",
        contestant: inPython(place, "sum"),
        finds: (result) => `${result}`,
      },
      { name: "gone", side: "Python", what: "sum", contestant: inPython(place, "not installed") },
    ], 3);
    assert.deepEqual(rows.map(({ name, finds }) => [name, finds]), [["hicra", null], [
      "list",
      "-1",
    ]]);
    assert.deepEqual(rows[0]!.timesOurs, { median: 1, min: 1, max: 1 });
    assert.deepEqual(Object.keys(skipped), ["gone (sum)"]);
    const without = await compare(subject, [
      { name: "list", side: "Python", what: "sum", contestant: inPython(place, "sum") },
    ], 1);
    assert.equal(without.rows[0]!.timesOurs, null);
  }));

Deno.test("Sides.peakMemory() measures a case in a fork, and does not add up", () =>
  withSides(async (sides, folder) => {
    const idle = await sides.peakMemory("numpy", folder, "nothing");
    const big = await sides.peakMemory("numpy", folder, "big");
    const again = await sides.peakMemory("numpy", folder, "nothing");
    assert.ok(big! - idle! > 0.9 * 2 ** 26, `${big} and ${idle}`);
    assert.ok(Math.abs(again! - idle!) < 2 ** 23, `${again} and ${idle}`);
    assert.equal(await sides.peakMemory("numpy", folder, "unavailable"), null);
    assert.ok((await sides.run(1, folder, "sum")).peakMemoryBytes < big!);
  }));

Deno.test("memoryRows() measures our side in a process of its own", () =>
  withSides(async (sides) => {
    const set = {
      arrays: {
        "advantages": flat(new Float32Array(2 ** 22)),
        "mask": flat(new Uint8Array(2 ** 22)),
      },
      cases: {
        "transform": {
          run: "transform",
          arrays: { "advantages": "advantages", "mask": "mask" },
          options: { alpha: 0.2 },
        },
        "nothing": { run: "nothing", arrays: {} },
      },
    };
    await withCaseFolder(set, async (folder) => {
      const alone = (await sides.peakMemory("deno", folder, "nothing"))!;
      const none = { process: 0, alone: 0 };
      const idle = { deno: { process: alone, alone }, onnxruntime: none, numpy: none, torch: none };
      const added = await addedMemory({ sides, idle }, folder, ["deno", "transform"]);
      assert.ok(added! > 8 * 2 ** 22, `${added}`); // advantages in and out at least
      const rows = await memoryRows({ sides, idle }, { folder, input: "some" }, {
        "hicra": ["deno", "transform"],
      });
      assert.deepEqual(rows.map(({ name, input, idleBytes }) => [name, input, idleBytes]), [
        ["hicra", "some", alone],
      ]);
    });
  }));
