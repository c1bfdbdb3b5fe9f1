import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import {
  access,
  chmod,
  mkdir,
  open,
  readdir,
  readFile,
  readlink,
  stat,
  symlink,
  writeFile,
} from "node:fs/promises";
import { join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { type Chunks, isTemporaryFile, writeWhole } from "../../files/write_whole.ts";
import { Child } from "../_child.ts";
import { inFolder } from "../_in_folder.ts";

const PROGRAM = fileURLToPath(new URL("_write_whole_process.ts", import.meta.url));
const isWindows = process.platform === "win32";
const hasFullDevice = await access("/dev/full").then(() => true, () => false);

async function* parts(): AsyncGenerator<string | Uint8Array> {
  yield "wait \u2014 ";
  await Promise.resolve();
  yield Uint8Array.of(0xe2, 0x9c, 0x93);
}

Deno.test("writeWhole() writes text and bytes, of a list or a stream", async () => {
  await inFolder(async (folder) => {
    const path = join(folder, "file");
    const cases: [Chunks, string][] = [
      [[], ""],
      [["a", "", "b"], "ab"],
      [[Uint8Array.of(65), "\u00e9"], "A\u00e9"],
      [parts(), "wait \u2014 \u2713"],
    ];
    for (const [chunks, text] of cases) {
      await writeWhole(path, chunks);
      assert.equal(await readFile(path, "utf8"), text);
      assert.deepEqual(await readdir(folder), ["file"]);
    }
  });
});

Deno.test("writeWhole() leaves what was there when its parts fail", async () => {
  await inFolder(async (folder) => {
    const path = join(folder, "file");
    async function* failing(): AsyncGenerator<string> {
      yield* ["half"];
      await Promise.resolve();
      throw new SyntaxError("no more");
    }
    await assert.rejects(writeWhole(path, failing()), new SyntaxError("no more"));
    assert.deepEqual(await readdir(folder), []);
    await writeWhole(path, ["old"]);
    await assert.rejects(writeWhole(path, failing()), new SyntaxError("no more"));
    assert.equal(await readFile(path, "utf8"), "old");
    assert.deepEqual(await readdir(folder), ["file"]);
  });
});

Deno.test({
  name: "writeWhole() keeps the mode of a file that it replaces, whatever the mask of the process",
  ignore: isWindows,
  fn: async () => {
    await inFolder(async (folder) => {
      const path = join(folder, "file");
      await writeFile(path, "old");
      for (const mode of [0o600, 0o666, 0o755, 0o640]) {
        await chmod(path, mode);
        await writeWhole(path, ["new"]);
        assert.equal((await stat(path)).mode & 0o7777, mode);
      }
    });
  },
});

Deno.test({
  name: "writeWhole() follows links, also to a file that is not there yet",
  ignore: isWindows,
  fn: async () => {
    await inFolder(async (folder) => {
      await mkdir(join(folder, "deep"));
      await symlink("deep/second", join(folder, "first"));
      await symlink("file", join(folder, "deep", "second"));
      for (const text of ["new", "newer"]) {
        await writeWhole(join(folder, "first"), [text]);
        assert.equal(await readFile(join(folder, "deep", "file"), "utf8"), text);
        assert.equal(await readlink(join(folder, "first")), "deep/second");
        assert.equal(await readlink(join(folder, "deep", "second")), "file");
      }
    });
  },
});

Deno.test({
  name: "writeWhole() names the path in every error of the system, and never its temporary file",
  ignore: isWindows,
  fn: async () => {
    await inFolder(async (folder) => {
      const named = (...names: string[]): string => join(folder, ...names);
      await writeFile(named("file"), "old");
      await symlink("loop", named("loop"));
      const cases: [path: string, code: string, rest: string][] = [
        [
          named("missing", "file"),
          "ENOENT",
          "its folder must take a new file: no such file or directory",
        ],
        [named("file", "file"), "ENOTDIR", "its path must be valid: not a directory"],
        [named("loop"), "ELOOP", "its path must be valid: too many symbolic links encountered"],
        [named("n".repeat(256)), "ENAMETOOLONG", "its path must be valid: name too long"],
      ];
      if (hasFullDevice) {
        cases.push([
          "/dev/full",
          "ENOSPC",
          "all of it must be taken: no space left on device",
        ]);
      }
      for (const [path, code, rest] of cases) {
        await assert.rejects(writeWhole(path, ["new"]), {
          name: "Error",
          code,
          message: `Cannot write ${JSON.stringify(path)} as ${rest}`,
        });
      }
      await assert.rejects(writeWhole(folder, ["new"]), {
        name: "RangeError",
        message: `Cannot write ${JSON.stringify(folder)} as it must be a file: it is a folder`,
      });
      assert.deepEqual((await readdir(folder)).sort(), ["file", "loop"]);
    });
  },
});

Deno.test({
  name: "writeWhole() names the path, and leaves nothing, when the disk takes no more",
  ignore: isWindows,
  fn: async () => {
    await inFolder(async (folder) => {
      const path = join(folder, "file");
      // No file may be longer than 64 blocks of 512 or 1,024 bytes.
      const limited = 'trap "" XFSZ; ulimit -f 64; exec "$0" "$@"';
      const program = ["run", "--quiet", "-A", PROGRAM, path];
      const child = spawn("sh", ["-c", limited, process.execPath, ...program]);
      let stderr = "";
      child.stderr.setEncoding("utf8").on("data", (text) => stderr += text);
      // What is given after it has ended is nobody's.
      child.stdin.on("error", () => {}).end(new Uint8Array(1 << 20));
      await once(child, "close");
      const message = `Cannot write ${
        JSON.stringify(path)
      } as all of it must be taken: file too large`;
      assert.ok(stderr.includes(message), stderr);
      assert.deepEqual(await readdir(folder), []);
    });
  },
});

Deno.test("writeWhole() takes a name as long as the system does", async () => {
  await inFolder(async (folder) => {
    const name = "n".repeat(255);
    await writeWhole(join(folder, name), ["new"]);
    assert.deepEqual(await readdir(folder), [name]);
  });
});

/** Runs a program that writes its standard input, up to where it waits for more. */
async function writing(path: string, mode: string, files: number): Promise<Child> {
  const child = new Child([PROGRAM, path, mode]);
  child.give("half");
  await child.says("begun\n".repeat(files));
  const names = await readdir(join(path, ".."));
  assert.equal(names.filter(isTemporaryFile).length, files);
  return child;
}

for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
  Deno.test({
    name: `writeWhole() leaves nothing when ${signal} ends the process`,
    ignore: isWindows,
    fn: async () => {
      await inFolder(async (folder) => {
        const path = join(folder, "file");
        await writeFile(path, "old");
        const child = await writing(path, "twice", 2);
        child.signal(signal);
        assert.deepEqual(await child.ended(), { code: null, signal });
        assert.deepEqual(await readdir(folder), ["file"]);
        assert.equal(await readFile(path, "utf8"), "old");
      });
    },
  });
}

Deno.test({
  name: "writeWhole() leaves a signal to a program that listens to it",
  ignore: isWindows,
  fn: async () => {
    await inFolder(async (folder) => {
      const path = join(folder, "file");
      const goesOn = await writing(path, "listens", 1);
      goesOn.signal("SIGTERM");
      await goesOn.says("heard");
      goesOn.end();
      assert.deepEqual(await goesOn.ended(), { code: 0, signal: null });
      assert.equal(await readFile(path, "utf8"), "half");
      const exits = await writing(path, "exits", 1);
      exits.signal("SIGTERM");
      assert.deepEqual(await exits.ended(), { code: 7, signal: null });
      assert.deepEqual(await readdir(folder), ["file"]);
    });
  },
});

const hasDescriptors = await access("/dev/fd").then(() => true, () => false);

Deno.test({
  name: "writeWhole() appends to what a process has open when its path is /dev/fd/N",
  ignore: !hasDescriptors,
  fn: async () => {
    await inFolder(async (folder) => {
      const path = join(folder, "log");
      await writeFile(path, "what was there\n");
      const file = await open(path, "a");
      await symlink(`/dev/fd/${file.fd}`, join(folder, "link"));
      await writeWhole(`/dev/fd/${file.fd}`, ["once\n"]);
      await writeWhole(join(folder, "link"), ["twice\n"]);
      await file.close();
      assert.equal(await readFile(path, "utf8"), "what was there\nonce\ntwice\n");
      assert.deepEqual((await readdir(folder)).sort(), ["link", "log"]);
    });
  },
});
