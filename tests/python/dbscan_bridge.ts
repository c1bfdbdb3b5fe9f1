/** Labels float32 vectors for test_dbscan.py: a JSON object in, a JSON array out. */
import { readFileSync } from "node:fs";
import { dbscan } from "../../mining/cluster/dbscan.ts";

const { vectors, dimensions, epsilon, minPoints } = JSON.parse(readFileSync(0, "utf8"));
const bytes = Uint8Array.from(atob(vectors), (character) => character.charCodeAt(0));
const labels = await dbscan(new Float32Array(bytes.buffer), dimensions, { epsilon, minPoints });
console.log(JSON.stringify(Array.from(labels)));
