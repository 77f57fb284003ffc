# Drives `draftfs mcp` with the client library of the protocol, versions 1 and 2, as agents do.
#
# usage: client.py PROGRAM ROOT KIND      KIND is plain, mount or store; ROOT is empty. For a store the
#                                         base and the store are made in it.
#
# Tests every tool: success, every kind of error, bounds of arguments and replies, progress, cancellation,
# two clients at once. Files are made and read without the server, except in a store, which only the
# server can open. Prints "ok" and the number of checks, or fails with the first failed check.
import asyncio
import base64
import contextlib
import importlib.metadata
import json
import os
import subprocess
import sys

PROGRAM, ROOT, KIND = sys.argv[1:4]
VERSION = importlib.metadata.version("mcp")
FIRST = VERSION.startswith("1.")
STORE = KIND == "store"
# The start of the paths in replies.
TOP = "/" if STORE else ROOT
GROUND = ["--root", ROOT]
if STORE:
    GROUND = ["--base", os.path.join(ROOT, "base"), "--store", os.path.join(ROOT, "store"),
              "--workspace", "ws"]
ARGUMENTS = ["mcp", *GROUND, "--keep-edits", "off", "--allow", "read,write,delete,past,check"]
COUNT = 1_500
checks = 0
kinds = set()


def check(condition, what):
    global checks
    checks += 1
    if not condition:
        raise SystemExit(f"mcp {VERSION} on {KIND}: {what}")


class Reply:
    def __init__(self, result):
        self.is_error = result.isError if FIRST else result.is_error
        self.texts = [c.text for c in result.content if c.type == "text"]
        self.content = result.content
        self.data = result.structuredContent if FIRST else result.structured_content


class Agent:
    def __init__(self, session):
        self.session = session

    async def tools(self):
        found, cursor = [], None
        while True:
            if FIRST:
                import mcp.types as types
                page = await self.session.list_tools(params=types.PaginatedRequestParams(cursor=cursor))
                cursor = page.nextCursor
            else:
                page = await self.session.list_tools(cursor=cursor)
                cursor = page.next_cursor
            found += page.tools
            if not cursor:
                return found

    async def ask(self, name, /, progress=None, **arguments):
        size = len(json.dumps(arguments, ensure_ascii=False).encode())
        check(size <= 9_500, f"{name}: {size} bytes of arguments")
        reply = Reply(await self.session.call_tool(name, arguments, progress_callback=progress))
        if "max_bytes" not in arguments and "length" not in arguments and name != "read_media_file":
            size = sum(len(text.encode()) for text in reply.texts)
            check(size <= 4096, f"{name}: a reply of {size} bytes")
        return reply

    async def use(self, name, /, **arguments):
        reply = await self.ask(name, **arguments)
        check(not reply.is_error, f"{name} {arguments}: {reply.texts}")
        return reply

    async def refuse(self, name, kind, /, **arguments):
        reply = await self.ask(name, **arguments)
        check(reply.is_error, f"{name} {arguments} is not refused: {reply.texts}")
        found = (reply.data or {}).get("error", {}).get("kind")
        kinds.add(found)
        check(found == kind, f"{name} {arguments}: {found}, not {kind}")


@contextlib.asynccontextmanager
async def agent():
    if FIRST:
        from mcp import ClientSession, StdioServerParameters
        from mcp.client.stdio import stdio_client
        parameters = StdioServerParameters(command=PROGRAM, args=ARGUMENTS)
        async with stdio_client(parameters) as (reader, writer):
            async with ClientSession(reader, writer) as session:
                await session.initialize()
                yield Agent(session)
    else:
        from mcp import Client, StdioServerParameters
        async with Client(StdioServerParameters(command=PROGRAM, args=ARGUMENTS)) as session:
            yield Agent(session)


def path(name):
    return os.path.join(TOP, name)


async def read(a, name):
    if not STORE:
        with open(path(name), "rb") as file:
            return file.read()
    found, offset = b"", 0
    while offset is not None:
        part = await a.use("read_file_range", path=name, format="base64", offset=offset, max_bytes=200_000)
        found += base64.b64decode(part.texts[0])
        offset = part.data.get("next_offset")
    return found


async def put(a, name, data):
    if not STORE:
        with open(path(name), "wb") as file:
            file.write(data)
        return
    parts = [data[start:start + 6_000] for start in range(0, len(data), 6_000)] or [b""]
    for index, part in enumerate(parts):
        await a.use("edit_file_append_chunk", path=name, content=base64.b64encode(part).decode(),
                    base64=True, chunk_index=index, final=index == len(parts) - 1)


async def exists(a, name):
    if STORE:
        return not (await a.ask("get_file_info", path=name)).is_error
    return os.path.exists(path(name))


async def count(a, name):
    if STORE:
        return (await a.use("list_directory", path=name)).data["total"]
    return len(os.listdir(path(name)))


async def leftovers(a):
    if STORE:
        found = await a.use("search_files", path=".", pattern=".draftfs*")
        return found.texts[0].split("\n") if found.data["total"] else []
    found = []
    for directory, names, files in os.walk(ROOT):
        found += [name for name in names + files if name.startswith(".draftfs")]
    return found


async def reading(a):
    await a.use("write_file", path="d.txt", content="one\ntwo\nthree\n")
    for name in ["read_file", "read_text_file"]:
        check((await a.use(name, path="d.txt")).texts == ["one\ntwo\nthree\n"], name)
        check((await a.use(name, path="d.txt", head=1)).texts[0] == "one", name)
        check((await a.use(name, path="d.txt", tail=1)).texts[0] == "three", name)
        await a.refuse(name, "missing", path="none")
        # In a store there is nothing outside: the path is a path of the workspace.
        await a.refuse(name, "missing" if STORE else "denied", path="/etc/passwd")
        await a.refuse(name, "wrong_type", path=".")
    part = await a.use("read_file_range", path="d.txt", start_line=2, line_count=1)
    check(part.texts[0] == "two\n" and part.data["next_offset"] == 8, part.texts)
    await a.refuse("read_file_range", "usage", path="d.txt", offset=99)
    several = await a.use("read_multiple_files", paths=["d.txt", "none"])
    check(several.data["read"] == 1 and several.data["failed"] == 1, several.data)
    await put(a, "p.png", b"\x89PNG")
    image = (await a.use("read_media_file", path="p.png")).content[0]
    check(image.type == "image" and base64.b64decode(image.data) == b"\x89PNG", image)
    await a.refuse("read_media_file", "wrong_type", path="d.txt")


async def large(a):
    # A file far larger than a reply, in pieces of 9,000 bytes, and edits across it.
    text = "".join(f"{number}: größer, 大きい, 😀\n" for number in range(20_000))
    await put(a, "large.txt", text.encode())
    found, offset = [], 0
    while offset is not None:
        piece = await a.use("read_file_range", path="large.txt", offset=offset, length=9_000)
        found.append(piece.texts[0])
        offset = piece.data.get("next_offset")
    check("".join(found) == text, "the pieces are not the file")
    await a.use("edit_file", path="large.txt", edits=[
        {"oldText": "\n15000: größer", "newText": "\n15000: kleiner"},
        {"start_line": 1, "end_line": 0, "newText": "first"}, {"append": True, "newText": "last\n"}])
    text = "first\n" + text.replace("\n15000: größer", "\n15000: kleiner") + "last\n"
    check((await read(a, "large.txt")).decode() == text, "the edits are not those of a string")
    await a.refuse("edit_file", "ambiguous", path="large.txt", edits=[{"oldText": "größer", "newText": ""}])
    parts = [text[start:start + 4_000] for start in range(0, 40_000, 4_000)]
    for index, part in enumerate(parts):
        await a.use("edit_file_append_chunk", path="parts.txt", content=part, chunk_index=index,
                    final=index == len(parts) - 1)
    check((await read(a, "parts.txt")).decode() == text[:40_000], "the parts are not the file")
    await a.refuse("edit_file_append_chunk", "stale", path="q", content="x", chunk_index=3)


async def writing(a):
    await a.refuse("write_file", "missing", path="none/x", content="")
    reply = await a.use("edit_file", path="d.txt", edits=[{"oldText": "two", "newText": "2"}], dryRun=True)
    check("-two\n+2\n" in reply.texts[0] and (await read(a, "d.txt")) == b"one\ntwo\nthree\n", reply.texts)
    await a.refuse("edit_file", "no_match", path="d.txt", edits=[{"oldText": "zwei", "newText": ""}])
    await a.use("edit_file", path="d.txt", edits=[{"oldText": "^t(w)o$", "newText": "2$1", "match": "regex"}])
    broken = [{"oldText": "(", "newText": "", "match": "regex"}]
    await a.refuse("edit_file", "usage", path="d.txt", edits=broken)
    patch = "--- d.txt\n+++ d.txt\n@@ -1,3 +1,3 @@\n one\n-2w\n+two\n three\n"
    await a.use("edit_file_apply_patch", path="d.txt", patch=patch)
    check((await read(a, "d.txt")) == b"one\ntwo\nthree\n", "patch")
    await a.refuse("edit_file_apply_patch", "no_match", path="d.txt", patch=patch)
    await a.use("create_directory", path="x/y")
    await a.refuse("create_directory", "exists", path="d.txt")
    await a.use("move_file", source="d.txt", destination="x/d.txt")
    await a.refuse("move_file", "exists", source="p.png", destination="x/d.txt")
    check("[DIR] y" in (await a.use("list_directory", path="x")).texts[0], "list_directory")
    check("Total: 1 files" in (await a.use("list_directory_with_sizes", path="x")).texts[0], "sizes")
    tree = json.loads((await a.use("directory_tree", path="x")).texts[0])
    check([entry["name"] for entry in tree] == ["d.txt", "y"], tree)
    check((await a.use("search_files", path=".", pattern="d.*")).texts[0] == path("x/d.txt"), "search")
    check("isFile: true" in (await a.use("get_file_info", path="x/d.txt")).texts[0], "info")
    check(TOP in (await a.use("list_allowed_directories")).texts[0], "allowed")
    for name in ["list_directory", "list_directory_with_sizes", "directory_tree"]:
        await a.refuse(name, "missing", path="none")
    await a.refuse("search_files", "usage", path=".", pattern="[")
    if not STORE:
        await a.refuse("get_file_info", "denied", path="..")
    await a.refuse("get_file_info", "bounds", path="x/" * 3_000)
    await a.refuse("edit_file", "encoding", path="x/d.txt",
                   edits=[{"append": True, "newText": "?", "base64": True}])
    await a.refuse("write_file", "stale", path="x/d.txt", content="", version="old")
    await a.refuse("move_file", "system", source="x", destination="x/y/z")
    # A check is a program: it sees files of a mount only.
    failing = {"path": "x/d.txt", "edits": [{"append": True, "newText": "4"}], "check": "echo bad; exit 3"}
    await a.refuse("edit_file", "check_failed" if KIND == "mount" else "unsupported", **failing)
    check((await read(a, "x/d.txt")) == b"one\ntwo\nthree\n", "a failing check")


async def copying(a):
    await a.use("copy_file", source_path="x", destination_path="x2")
    await a.refuse("copy_file", "exists", source_path="x", destination_path="x2/d.txt")
    same = await a.use("compare_directories", dir1="x", dir2="x2")
    check(same.data["summary"]["identical"] == 1 and same.data["summary"]["different"] == 0, same.data)
    batch = await a.use("copy_files_batch", source_base_path="x", destination_base_path="x3")
    check(batch.data["summary"]["copied"] == 1, batch.data)
    check((await a.use("copy_files_batch", source_base_path="none")).data["success"] is False, "batch")
    copied = await a.use("copy_files", source_path="x", destination_path="x4", rename="{stem}-1{ext}")
    check(copied.data["files"] == 1 and await exists(a, "x4/d-1.txt"), copied.data)
    await a.refuse("copy_files", "exists", source_path="x", destination_path="x4/d-1.txt")
    await a.use("edit_file_copy", source_path="x/d.txt", destination_path="e.txt",
                edits=[{"oldText": "one", "newText": "1"}])
    check((await read(a, "e.txt")) == b"1\ntwo\nthree\n", "edit_file_copy")
    check((await read(a, "x/d.txt"))[:3] == b"one", "the source of edit_file_copy")
    await a.refuse("edit_file_copy", "exists", source_path="x/d.txt", destination_path="e.txt")
    items = [{"source_path": "x/d.txt", "destination_path": f"many/{number}",
              "edits": [{"start_line": 1, "newText": str(number)}]} for number in range(50)]
    many = await a.use("edit_files_copy_batch", items=items)
    check(many.data["copied"] == 50 and (await read(a, "many/49"))[:3] == b"49\n", many.data)
    await a.refuse("edit_files_copy_batch", "usage")
    diff = await a.use("compare_files", file1="x/d.txt", file2="e.txt")
    check("-one\n+1\n" in diff.data["details"]["diff"], diff.data)
    gone = await a.use("delete_files_batch", base_path="many", include_patterns=["4*"])
    check(gone.data["summary"]["deleted"] == 11, gone.data)
    await a.use("delete_file", path="many", recursive=True)
    check((await a.use("delete_file", path="many")).data["success"] is False, "delete_file")
    check("no jobs" in (await a.use("read_job_progress")).texts[0], "jobs")
    await a.refuse("cancel_job", "missing", job_id="job-99")


async def past(a):
    if KIND == "plain":
        for name in ["list_backups", "read_history", "read_workspace_diff", "read_workspace_status",
                     "read_integrity_report", "write_undo"]:
            await a.refuse(name, "unsupported")
        await a.refuse("create_backup", "unsupported", name="b")
        await a.refuse("write_rollback", "unsupported", moment="b")
        await a.refuse("read_blame", "unsupported", path="e.txt")
        return
    await a.use("create_backup", name="before", comment="it's \"fine\"")
    await a.use("write_file", path="e.txt", content="ruined\n")
    check("e.txt" in (await a.use("read_history", path="e.txt")).texts[0], "history")
    check("@" in (await a.use("read_blame", path="e.txt")).texts[0], "blame")
    check("e.txt" in (await a.use("read_workspace_diff", moment="before")).texts[0], "diff")
    await a.use("write_rollback", moment="before", path="e.txt")
    check((await read(a, "e.txt")) == b"1\ntwo\nthree\n", "rollback")
    await a.use("write_undo")
    check((await read(a, "e.txt")) == b"ruined\n", "undo")
    await a.use("write_rollback", moment="before")
    check((await read(a, "e.txt")) == b"1\ntwo\nthree\n", "rollback of all")
    check("before" in (await a.use("list_backups")).texts[0], "backups")
    check((await a.use("read_integrity_report")).data["state"] == "done", "integrity")
    await a.use("read_workspace_status")
    await a.refuse("write_rollback", "missing", moment="nonsense")
    await a.refuse("write_file", "denied", path=".draft/rollback", content="before\n")


async def cancelling(a):
    if STORE:
        await a.use("create_directory", path="tree")
        for number in range(COUNT):
            await a.use("write_file", path=f"tree/{number}", content=str(number))
    else:
        os.mkdir(path("tree"))
        for number in range(COUNT):
            await put(a, f"tree/{number}", str(number).encode())
    seen = []

    async def progress(done, total, message):
        seen.append((done, total))

    # With names by a pattern each file is copied by itself, so that there is something to cancel.
    reply = await a.ask("copy_files", progress=progress, source_path="tree", destination_path="t1",
                        rename="{name}.c")
    data = reply.data
    while data.get("state") == "running":  # on a slow machine it becomes a job
        data = (await a.use("read_job_progress", job_id=data["job_id"], wait_seconds=10)).data
    data = data.get("result", data)
    check(data["files"] == COUNT and await count(a, "t1") == COUNT, data)
    check(seen and seen == sorted(set(seen)), seen)
    check("job_id" in reply.data or seen[-1] == (COUNT, COUNT), seen)
    task = asyncio.create_task(a.session.call_tool(
        "copy_files", {"source_path": "tree", "destination_path": "t2", "rename": "{name}.c"}))
    await asyncio.sleep(0.05)
    if FIRST:
        import mcp.types as types
        await a.session.send_notification(types.ClientNotification(types.CancelledNotification(
            params=types.CancelledNotificationParams(requestId=a.session._request_id - 1))))
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError, Exception):
        await task
    for _ in range(3600):  # three minutes: what was copied is removed, beside other tests
        left = await leftovers(a)
        if not left:
            break
        await asyncio.sleep(0.05)
    check(not left, left)
    there = await count(a, "t2") if await exists(a, "t2") else 0
    check(there in (0, COUNT), f"{there} of {COUNT} files after the cancellation")
    check((await a.use("read_file", path="e.txt")).texts, "alive after the cancellation")


async def together():
    async def one(number):
        async with agent() as a:
            for turn in range(20):
                await a.use("write_file", path=f"both-{number}", content=f"{turn}")
                await a.use("write_file", path="both", content=f"{number}")
                await a.use("read_file", path="both")
            check((await read(a, f"both-{number}")) == b"19", number)
    await asyncio.gather(one(1), one(2))
    check((await read(None, "both")) in (b"1", b"2"), "both")


async def alone():
    # A store has one user: the second server reports that in a sentence, and the first one continues.
    async with agent() as a:
        second = await asyncio.to_thread(
            subprocess.run, [PROGRAM, *ARGUMENTS], stdin=subprocess.DEVNULL, capture_output=True, timeout=60)
        said = second.stderr.decode()
        check(second.returncode == 1 and not second.stdout, second)
        check(said.count("\n") == 1 and "is in use by" in said, said)
        check((await a.use("read_file", path="e.txt")).texts, "the first one after the second")


# All kinds of errors that a client can get. A cancelled call gets no answer.
EXPECTED = {"usage", "denied", "missing", "exists", "wrong_type", "stale", "no_match", "ambiguous",
            "encoding", "bounds", "system"} | (
                {"check_failed"} if KIND == "mount" else {"unsupported"})


async def main():
    if STORE:
        os.mkdir(os.path.join(ROOT, "base"))
    async with agent() as a:
        names = {tool.name for tool in await a.tools()}
        used = set()
        original = a.ask

        async def ask(name, /, progress=None, **arguments):
            used.add(name)
            return await original(name, progress=progress, **arguments)

        a.ask = ask
        for part in [reading, large, writing, copying, past, cancelling]:
            await part(a)
        check(used == names, f"not used: {names - used}; not known: {used - names}")
        check(kinds == EXPECTED, f"kinds of errors: {kinds ^ EXPECTED}")
    await (alone() if STORE else together())
    print("ok", checks)


asyncio.run(asyncio.wait_for(main(), 600))
