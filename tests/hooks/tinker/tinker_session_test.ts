import assert from "node:assert/strict";
import { TinkerClient } from "../../../hooks/tinker/mod.ts";
import { withServer } from "./_server.ts";

// That close ends them, the test runner sees: it fails a test that leaves a timer or a request behind.

Deno.test("a session sends heartbeats until it is closed", async () => {
  const three = Promise.withResolvers<void>();
  await withServer(({ path }, index) => {
    if (index === 3) three.resolve();
    return { json: path.endsWith("create_session") ? { "session_id": "s" } : {} };
  }, async (baseUrl, received) => {
    {
      using session = await new TinkerClient({ baseUrl }).createSession({ heartbeatMs: 5 });
      assert.equal(session.sessionId, "s");
      await three.promise;
    }
    for (const { path, body } of received.slice(1)) {
      assert.equal(path, "/api/v1/session_heartbeat");
      assert.deepEqual(body, { "session_id": "s" });
    }
  });
});

Deno.test("a heartbeat that fails is told, and the next is sent all the same", async () => {
  const twice = Promise.withResolvers<void>();
  const warnings: string[] = [];
  await withServer(
    ({ path }) =>
      path.endsWith("create_session")
        ? { json: { "session_id": "s" } }
        : { status: 404, json: { detail: "Session not found" } },
    async (baseUrl) => {
      using _session = await new TinkerClient({ baseUrl }).createSession({
        heartbeatMs: 5,
        warn: (message) => {
          if (warnings.push(message) === 2) twice.resolve();
        },
      });
      await twice.promise;
      assert.match(warnings[0]!, /^hicra: session s may be lost: Cannot session_heartbeat .*404/);
    },
  );
});

Deno.test("closing while a heartbeat is under way is silent", async () => {
  const beating = Promise.withResolvers<void>();
  await withServer(({ path }) => {
    if (path.endsWith("create_session")) return { json: { "session_id": "s" } };
    beating.resolve();
    return "hang";
  }, async (baseUrl) => {
    const session = await new TinkerClient({ baseUrl }).createSession({
      heartbeatMs: 5,
      warn: (message) => assert.fail(message),
    });
    await beating.promise;
    session.close();
  });
});
