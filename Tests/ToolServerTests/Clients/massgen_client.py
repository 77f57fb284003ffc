# Drives the program with MassGen's own client and its own configuration of a server for files, without a
# model. The program is found as mcp-server-filesystem on PATH, as agents find it.
#
# usage: massgen_client.py ROOT      with mcp-server-filesystem on PATH; ROOT is empty, on a mount or not
#
# Prints "ok" and the number of calls, or fails with the first failed check.
import asyncio
import os
import sys

from massgen.filesystem_manager import FilesystemManager
from massgen.mcp_tools.client import MCPClient

ROOT = sys.argv[1]
calls = 0


def check(condition, what):
    if not condition:
        raise SystemExit(f"massgen: {what}")


def read(name):
    with open(os.path.join(ROOT, "workspace", name), "rb") as file:
        return file.read()


class Agent:
    def __init__(self, client):
        self.client = client

    async def ask(self, name, arguments):
        global calls
        calls += 1
        return await self.client.call_tool(f"mcp__filesystem__{name}", arguments)

    async def use(self, tool, **arguments):
        result = await self.ask(tool, arguments)
        texts = [part.text for part in result.content if part.type == "text"]
        check(not result.isError, f"{tool}: {texts}")
        return texts[0] if texts else ""

    async def refuse(self, tool, **arguments):
        result = await self.ask(tool, arguments)
        check(result.isError, f"{tool} {arguments} is not refused")


async def drive(a):
    text = "".join(f"line {number}: größer, 大きい\n" for number in range(400))
    await a.use("create_directory", path="src/deep")
    await a.use("write_file", path="src/a.txt", content=text)
    check(read("src/a.txt").decode() == text, "write_file")
    check((await a.use("read_text_file", path="src/a.txt", head=1)) == "line 0: größer, 大きい", "head")
    part = await a.use("read_file_range", path="src/a.txt", start_line=200, line_count=1)
    check(part == "line 199: größer, 大きい\n", part)
    await a.use("edit_file", path="src/a.txt", edits=[{"oldText": "line 7:", "newText": "line seven:"}])
    await a.use("edit_file", path="src/a.txt", edits=[
        {"start_line": 1, "end_line": 0, "newText": "first"}, {"append": True, "newText": "last\n"},
        {"oldText": "^line (300): ", "newText": "$1 ", "match": "regex"}])
    await a.use("edit_file_apply_patch", path="src/a.txt",
                patch="--- a\n+++ b\n@@ -1 +1 @@\n-first\n+the first\n")
    text = text.replace("line 7:", "line seven:").replace("line 300: ", "300 ")
    check(read("src/a.txt").decode() == f"the first\n{text}last\n", "edits")
    await a.refuse("edit_file", path="src/a.txt", edits=[{"oldText": "nowhere", "newText": ""}])
    # As much as the client accepts; the rest in further calls.
    long = "x" * 9_000
    for index in range(5):
        await a.use("edit_file_append_chunk", path="src/long", content=long, chunk_index=index,
                    final=index == 4)
    check(read("src/long") == 5 * long.encode(), "chunks")
    await a.use("copy_files", source_path="src", destination_path="copy", exclude=["deep"])
    await a.use("copy_file", source_path="src/a.txt", destination_path="b.txt")
    await a.use("copy_files_batch", source_base_path="src", destination_base_path="batch")
    await a.use("edit_file_copy", source_path="b.txt", destination_path="c.txt",
                edits=[{"oldText": "the first", "newText": "FIRST"}])
    check(read("copy/a.txt") == read("src/a.txt") == read("b.txt") == read("batch/a.txt"), "copies")
    check(read("c.txt").startswith(b"FIRST\n"), "edit_file_copy")
    await a.use("move_file", source="c.txt", destination="d.txt")
    check("identical" in await a.use("compare_directories", dir1="src", dir2="copy"), "compare")
    check("FIRST" in await a.use("compare_files", file1="b.txt", file2="d.txt"), "compare_files")
    for tool in ["list_directory", "list_directory_with_sizes", "directory_tree"]:
        check("a.txt" in await a.use(tool, path="src"), tool)
    check("copy/a.txt" in await a.use("search_files", path=".", pattern="a.txt"), "search_files")
    await a.use("get_file_info", path="src/a.txt")
    await a.use("read_multiple_files", paths=["b.txt", "d.txt"])
    await a.use("list_allowed_directories")
    await a.use("read_job_progress")
    await a.use("delete_file", path="d.txt")
    await a.use("delete_files_batch", base_path="batch")
    await a.refuse("read_file", path="/etc/passwd")
    await a.refuse("write_file", path="../outside", content="")
    check(not os.path.exists(os.path.join(ROOT, "outside")), "a file outside")


async def main():
    workspace = os.path.join(ROOT, "workspace")
    manager = FilesystemManager(cwd=workspace, agent_temporary_workspace_parent=os.path.join(ROOT, "temp"))
    config = manager.get_mcp_filesystem_config()
    check(config["command"] == "mcp-server-filesystem", config)
    client = MCPClient([config], timeout_seconds=30)
    await client.connect()
    try:
        names = client.get_available_tools()
        check(len(names) > 25 and all(name.startswith("mcp__filesystem__") for name in names), names)
        await drive(Agent(client))
    finally:
        await client.disconnect()
    print("ok", calls, "calls,", len(names), "tools")


asyncio.run(asyncio.wait_for(main(), 300))
