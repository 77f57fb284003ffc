# Sends to the program what no client should send.
#
# usage: hostile.py PROGRAM ROOT MEGABYTES BOUND    ROOT is empty; MEGABYTES: size of the largest messages;
#                                                   BOUND: memory of the server in MiB, 0 for none
#
# After each message the server answers an ordinary call. Prints "ok", or fails with the first failed
# check.
import json
import os
import sys

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))
sys.path.insert(0, os.path.join(TOP, "scripts", "bench.d"))
from agent import Agent, Failure, require  # noqa: E402


def alive(agent):
    require(agent.use("read_file", path="there").text == "here\n", "the server answers another text")


def refused(agent, message, id, *words):
    """The answer to what was written is an error in one sentence."""
    answer = agent.receive()
    text = answer.get("error", {}).get("message", "")
    if not text and answer.get("result", {}).get("isError"):
        text = answer["result"]["content"][0]["text"]
    require(text and "\n" not in text, f"{message}: {str(answer)[:300]}")
    require(answer.get("id") == id, f"{message}: the id {answer.get('id')}")
    for word in words:
        require(word in text, f"{message}: {text}")
    alive(agent)


def huge(agent, megabytes, bound):
    """Streamed: neither side keeps it. Messages of up to 16 MiB are accepted. Of a longer one as much is
    kept, in a buffer that doubles."""
    head = b'{"jsonrpc":"2.0","id":"huge","method":"tools/call","params":{"name":"write_file","arguments":'
    for name, start, piece, end, id in [
            ("a text", head + b'{"path":"huge","content":"', b"x" * 1_000_000, b'"}}}', "huge"),
            ("escapes", head + b'{"path":"huge","content":"', b"\\u00e9\\\"" * 125_000, b'"}}}', "huge"),
            ("a list", head + b'{"path":[', b"1," * 500_000, b'1]}}}', "huge"),
            ("levels", b"", b"[" * 1_000_000, b"", None)]:
        agent.write(start)
        for _ in range(megabytes if name == "a text" else max(20, megabytes // 4)):
            agent.write(piece)
        agent.write(end + b"\n")
        refused(agent, name, id, "bytes" if name == "a text" else "")
    require(not os.path.exists("huge"), "the huge file is there")
    require(not bound or agent.peak < bound << 20, f"the server held {agent.peak} bytes")


def deep(agent):
    for opening, closing in [(b"[", b"]"), (b'{"a":', b"}")]:
        agent.write(b'{"jsonrpc":"2.0","id":5,"method":"tools/call","params":{"name":"read_file",'
                    b'"arguments":{"path":' + opening * 10_000 + b"1" + closing * 10_000 + b"}}}\n")
        refused(agent, "10,000 levels", 5, "levels")


def broken(agent):
    call = (b'{"jsonrpc":"2.0","id":6,"method":"tools/call","params":{"name":"read_file",'
            b'"arguments":{"path":"%s"}}}')
    for name, path in [("a lone byte", b"\xff"), ("an overlong one", b"\xc0\xaf"), ("a cut one", b"\xe4\xb8"),
                       ("a surrogate", b"\xed\xa0\x80"), ("an escaped one", b"\\ud800")]:
        agent.write(call % path + b"\n")
        answer = agent.receive()
        text = json.dumps(answer)
        require("error" in answer or answer["result"].get("isError"), f"{name}: {text}")
        alive(agent)
    for name, line in [("NUL", b'{"jsonrpc":"2.0","id":6,\0"method":"ping"}'), ("no JSON", b"x" * 100),
                       ("half a message", b'{"jsonrpc":"2.0","id":6')]:
        agent.write(line + b"\n")
        require("error" in agent.receive(), name)
        alive(agent)


def outside(agent, root):
    os.symlink("/etc", os.path.join(root, "etc"))
    os.symlink("../" * 40 + "etc/passwd", os.path.join(root, "passwd"))
    for path in ["/etc/passwd", "../" * 30 + "etc/passwd", "etc/passwd", "passwd", root + "/../../etc/passwd",
                 "..", "/", "C:\\..\\..\\etc\\passwd"]:
        for tool, more in [("read_file", {}), ("write_file", {"content": "x"}), ("create_directory", {}),
                           ("edit_file", {"edits": [{"append": True, "newText": "x"}]})]:
            agent.refuse(tool, "denied", "exists", "wrong_type", "missing", path=path, **more)
        if path == "passwd":
            continue
        agent.refuse("copy_files", "denied", "missing", source_path=path, destination_path="stolen")
    agent.refuse("read_file", "usage", path="a\0b")
    agent.refuse("read_file", "usage", path="n" * 300)
    agent.refuse("read_file", "bounds", path="a/" * 3_000)
    require(not os.path.lexists(os.path.join(root, "stolen")), "a copy of what lies outside")
    # A link is copied as a link, and is followed only inside.
    agent.use("copy_files", source_path="passwd", destination_path="link")
    require(os.path.islink(os.path.join(root, "link")), "the link was followed")
    agent.refuse("copy_files", "denied", source_path="passwd", destination_path="stolen",
                 symlinks="follow")


def expressions(agent, root):
    with open(os.path.join(root, "a"), "w") as file:
        file.write("a" * 60_000 + "!\nb x\n")
    for pattern in ["(a+)+$", "(a|a)*[!]x", "(?:a*b|a)+x", "(.*)*(.*)*(.*)*[x]y", "(a?){50}a{50}!!"]:
        agent.refuse("edit_file", "bounds", "no_match", path="a",
                     edits=[{"oldText": pattern, "newText": "", "match": "regex"}])
    for pattern in ["(" * 9_000, "(" * 5_000, "[", "\\C", "(?R)", "(*NO_SUCH)", "a{99999}"]:
        agent.refuse("edit_file", "bounds", "usage", "no_match", path="a",
                     edits=[{"oldText": pattern, "newText": "", "match": "regex"}])
    for pattern in ["[", "a" * 5_000]:
        agent.refuse("search_files", "usage", "bounds", path=".", pattern=pattern)
    agent.use("search_files", path=".", pattern="*a" * 500)


def names(agent, root):
    """Bytes that are no text, line ends, blanks, control characters: copied and compared as they are."""
    top = os.path.join(root, "names").encode()
    os.mkdir(top)
    bad = [b"\xff", b"a\xc3", b"line\nend", b"tab\t", b" ", b"-rf", b"$(x)", b"'\"", b"{{v}}", b"\\", b"[a]",
           b"*", b"\x1b[31m", b"\x7f", "e\u0301".encode(), "\u202e".encode(), b"n" * 255, b"\xf0\x9f\x98"]
    for name in bad:
        with open(top + b"/" + name, "wb") as file:
            file.write(name)
    listed = agent.use("list_directory", path="names", max_bytes=9_000).text
    require(listed.count("\n") + 1 == len(bad), f"{listed.count(chr(10)) + 1} lines for {len(bad)} names")
    require("\x1b" not in listed, "a listing writes to the terminal")
    json.loads(agent.use("directory_tree", path="names", max_bytes=9_000).text)
    agent.use("search_files", path="names", pattern="*", max_bytes=9_000)
    reply = agent.use("copy_files", source_path="names", destination_path="copied")
    require(reply.data["files"] == len(bad), reply.data)
    require(sorted(os.listdir(os.path.join(root, "copied").encode())) == sorted(bad), "other names")
    same = agent.use("compare_directories", dir1="names", dir2="copied").data["summary"]
    require(same["identical"] == len(bad) and same["different"] == 0, same)
    agent.use("delete_files_batch", base_path="copied", include_patterns=["*"])
    require(not os.listdir(os.path.join(root, "copied")), "files stay")


def main(program, root, megabytes, bound):
    with open(os.path.join(root, "there"), "w") as file:
        file.write("here\n")
    os.chdir(root)
    with Agent(program, "mcp", root) as agent:
        for part, more in [(deep, ()), (broken, ()), (outside, (root,)), (expressions, (root,)),
                           (names, (root,)), (huge, (int(megabytes), int(bound)))]:
            part(agent, *more)
            alive(agent)
    print("ok")


try:
    main(*sys.argv[1:])
except Failure as failure:
    sys.exit(str(failure))
