#!/usr/bin/env python3
"""Decodes a package file independently of the Go code and prints it as JSON.

Needs only python3 and the zstd program. It checks structure, sizes, record
counts, offsets and (zstd does that) the frames; hashes of contents are left to
the caller, which gets a sha256 of each content's bytes instead.
"""
import hashlib
import json
import struct
import subprocess
import sys

INTEGRITY = bytes.fromhex("000001000002000003000004000005000006000007")
STRIP = b"\0"


def need(ok, offset, what):
    if not ok:
        sys.exit(f"offset {offset:#x}: {what}")


def plain_of(stored, compression, size, offset):
    if compression == 1:
        plain = stored
    else:
        need(compression == 2, offset, f"compression {compression}")
        run = subprocess.run(["zstd", "-d", "--long=31", "-c", "-q"], input=stored, capture_output=True)
        need(run.returncode == 0, offset, run.stderr.decode())
        plain = run.stdout
    need(len(plain) == size, offset, f"{len(plain)} plain bytes, header says {size}")
    return plain


def meta(plain, count, offset):
    records, pos = [], 0
    for _ in range(count):
        length, tag, prim, pad = struct.unpack_from(">IHBB", plain, pos)
        value = plain[pos + 8:pos + 8 + length]
        need(len(value) == length and pad == 0, offset, f"meta record at {pos}")
        if prim == 8:
            out = struct.unpack(">Q", value)[0]
        elif prim == 9:
            need(value.endswith(STRIP), offset, f"text without NUL at {pos}")
            out = value[:-1].decode()
        else:
            need(prim in (10, 11) and value.endswith(STRIP), offset, f"type {prim} at {pos}")
            out = f"{value[0]}:{value[1:-1].decode()}"
        records.append([tag, prim, out])
        pos += 8 + length
    need(pos == len(plain), offset, f"{len(plain) - pos} bytes after the last meta record")
    return records


def layout(plain, count, offset):
    records, pos = [], 0
    for _ in range(count):
        uid, gid, mode, tag, slen, tlen, kind = struct.unpack_from(">IIIIHHB", plain, pos)
        need(tag == 0 and plain[pos + 21:pos + 32] == bytes(11), offset, f"padding of layout record at {pos}")
        source = plain[pos + 32:pos + 32 + slen]
        target = plain[pos + 32 + slen:pos + 32 + slen + tlen]
        need(len(source) == slen and len(target) == tlen, offset, f"layout record at {pos}")
        source = source.hex() if kind == 1 else source.rstrip(STRIP).decode()
        records.append({"path": target.rstrip(STRIP).decode(), "mode": mode, "uid": uid, "gid": gid,
                        "type": kind, "source": source})
        pos += 32 + slen + tlen
    need(pos == len(plain), offset, f"{len(plain) - pos} bytes after the last layout record")
    return records


def index(plain, count, offset):
    need(len(plain) == 32 * count, offset, f"{count} index records in {len(plain)} bytes")
    return [[*struct.unpack_from(">QQ", plain, at), plain[at + 16:at + 32].hex()] for at in range(0, len(plain), 32)]


def attributes(plain, count, offset):
    records, pos = [], 0
    for _ in range(count):
        klen, vlen = struct.unpack_from(">QQ", plain, pos)
        pos += 16
        key, value = plain[pos:pos + klen], plain[pos + klen:pos + klen + vlen]
        need(len(key) == klen and len(value) == vlen, offset, f"attribute at {pos}")
        records.append([key.decode(), value.hex()])
        pos += klen + vlen
    need(pos == len(plain), offset, f"{len(plain) - pos} bytes after the last attribute")
    return records


def decode(data):
    magic, payloads, version = data[:4], struct.unpack_from(">H", data, 4)[0], struct.unpack_from(">I", data, 28)[0]
    need(magic == b"\0mos" and data[6:27] == INTEGRITY and version == 1, 0, "prelude")
    out = {"type": data[27], "payloads": [], "metas": [], "layouts": [], "index": [], "attributes": [], "contents": {}}
    content, at = b"", 32
    for _ in range(payloads):
        stored, size, checksum, count, version, kind, compression = struct.unpack_from(">QQ8sIHBB", data, at)
        body = data[at + 32:at + 32 + stored]
        need(len(body) == stored and version == 1, at, "payload header")
        plain = plain_of(body, compression, size, at)
        out["payloads"].append([kind, at, stored, size, count, checksum.hex()])
        if kind == 1:
            out["metas"].append(meta(plain, count, at))
        elif kind == 2:
            content = plain
        elif kind == 3:
            out["layouts"] = layout(plain, count, at)
        elif kind == 4:
            out["index"] = index(plain, count, at)
        elif kind == 5:
            out["attributes"] = attributes(plain, count, at)
        at += 32 + stored
    need(at == len(data), at, f"{len(data) - at} bytes after the last payload")
    for start, end, name in out["index"]:
        need(start <= end <= len(content), at, f"content {name} at {start}..{end} of {len(content)}")
        out["contents"][name] = hashlib.sha256(content[start:end]).hexdigest()
    return out


if __name__ == "__main__":
    with open(sys.argv[1], "rb") as f:
        json.dump(decode(f.read()), sys.stdout)
