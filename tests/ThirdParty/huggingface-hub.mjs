// Downloads a repository of the loopback Hub with the npm package @huggingface/hub and compares every byte with the folder it was made of.
// Usage: node huggingface-hub.mjs HUB_URL REPOSITORY FOLDER CACHE TOKEN (the package is found through NODE_PATH's folder, the working directory)
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { readdir, readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { join, relative, sep } from "node:path";

const [hubUrl, name, folder, cacheDir, accessToken] = process.argv.slice(2);
const hub = createRequire(join(process.cwd(), "package.json"))("@huggingface/hub");
const repo = { type: "model", name };

async function filesOf(root) {
	const entries = await readdir(root, { recursive: true, withFileTypes: true });
	return entries
		.filter((entry) => !entry.isDirectory())
		.map((entry) => relative(root, join(entry.parentPath ?? entry.path, entry.name)).split(sep).join("/"))
		.sort();
}

const expected = await filesOf(folder);
assert.ok(expected.length > 0, "the folder is empty");

// 1. The listing: names, sizes, and hashes that are those of the bytes.
const listed = [];
for await (const entry of hub.listFiles({ repo, hubUrl, recursive: true })) {
	if (entry.type !== "file") continue;
	const bytes = await readFile(join(folder, entry.path));
	assert.equal(entry.size, bytes.length, entry.path);
	const hash = entry.lfs
		? createHash("sha256").update(bytes).digest("hex")
		: createHash("sha1").update(`blob ${bytes.length}\0`).update(bytes).digest("hex");
	assert.equal(entry.lfs ? entry.lfs.oid : entry.oid, hash, entry.path);
	listed.push(entry.path);
}
assert.deepEqual(listed.sort(), expected);

// 2. Each file by itself, with a token and without, and a part of it.
for (const path of expected) {
	const bytes = await readFile(join(folder, path));
	for (const token of [undefined, accessToken]) {
		const blob = await hub.downloadFile({ repo, path, hubUrl, accessToken: token });
		assert.ok(blob, path);
		assert.deepEqual(Buffer.from(await blob.arrayBuffer()), bytes, path);
	}
	if (bytes.length > 10) {
		const blob = await hub.downloadFile({ repo, path, hubUrl });
		assert.deepEqual(Buffer.from(await blob.slice(3, 9).arrayBuffer()), bytes.subarray(3, 9), path);
	}
}
assert.equal(await hub.downloadFile({ repo, path: "no such file", hubUrl }), null);

// 3. What is missing is refused, and not made up.
await assert.rejects(() => hub.modelInfo({ name: "nobody/nothing", hubUrl }), /401|Invalid username/);

// 4. The whole snapshot in the standard cache.
const snapshot = await hub.snapshotDownload({ repo, hubUrl, cacheDir });
for (const path of expected) assert.deepEqual(await readFile(join(snapshot, path)), await readFile(join(folder, path)), path);

console.log(`${expected.length} files of ${name}: @huggingface/hub has them byte for byte`);
