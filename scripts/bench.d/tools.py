# Measures the tools of agents on large files, and checks their results. Prints samples: a name, a
# tab, seconds (or bytes for memory:NAME).
#
# usage: tools.py text|sparse|mixed|line FILE BYTES          makes a file
#        tools.py edits PROGRAM ROOT NAME LINES [PLAIN]      ten edits of a text; with PLAIN also with sed,
#                                                            patch and Python on that copy, and compared
#        tools.py sparse-edits PROGRAM ROOT NAME             the same edits of a file with holes
#        tools.py pieces PROGRAM ROOT NAME PLAIN             reads it in pieces of 9,000 characters
#        tools.py line-edits PROGRAM ROOT NAME PLAIN         reads and edits a file of one line
#        tools.py copy ROOT FROM TO TOOL COMMAND...          copies a tree with a tool of a server
import hashlib
import mmap
import os
import random
import statistics
import subprocess
import sys

from agent import Agent, Failure, require

LETTERS = "abcdefghijklmnop"
LINE_BYTES = 26


def line(number):
    return f"{number:08d} {LETTERS}"


def sample(name, value):
    print(f"{name}\t{value:.6f}" if isinstance(value, float) else f"{name}\t{value}", flush=True)


# MARK: Files

def lines_of(first, count):
    return "".join(f"{number:08d} {LETTERS}\n" for number in range(first, first + count)).encode()


def make_text(path, size):
    with open(path, "wb") as file:
        count = size // LINE_BYTES
        for first in range(0, count, 100_000):
            file.write(lines_of(first, min(100_000, count - first)))


SPARSE_LINES = 40_000  # in each of three runs of text: at the start, in the middle, at the end


def make_sparse(path, size):
    run = SPARSE_LINES * LINE_BYTES
    with open(path, "wb") as file:
        for part, offset in enumerate([0, size // 2, size - run]):
            file.seek(offset)
            file.write(lines_of(part * SPARSE_LINES, SPARSE_LINES))


def make_mixed(path, size):
    """Characters of one to four bytes."""
    words = ["a", "word ", "größer ", "大きい", "😀", "ß", "語\n", "e\u0301", "\r\n", "tab\t", "𝄞 "]
    chance = random.Random(9)
    block = "".join(chance.choices(words, k=200_000))
    with open(path, "wb") as file:
        while file.tell() < size:
            # Each part starts at another character, so that pieces are cut at every possible place.
            part = f"{file.tell()} " + block[chance.randrange(1_000):]
            data = part.encode()[:size - file.tell()]
            file.write(data.decode(errors="ignore").encode().ljust(len(data), b"."))


def make_line(path, size):
    block = b"one long line, " * 70_000
    with open(path, "wb") as file:
        while file.tell() < size:
            file.write(block[:size - file.tell()])
        file.seek(size // 2)
        file.write(b"-the middle-")


# MARK: Edits

class Edit:
    def __init__(self, name, tool, pairs, script=None, **arguments):
        """pairs: what goes and what comes; script: the same for a plain file, of sed or patch."""
        self.name, self.tool, self.arguments = name, tool, arguments
        self.pairs, self.script = pairs, script


def text_edits(count):
    """Six edits, found by text or line, of a file of so many lines."""
    def at(part):
        return int(count * part)

    def edit(name, pairs, sed, **arguments):
        return Edit(name, "edit_file", pairs, sed, edits=[arguments])

    half, quarter, later, lines = at(0.5), at(0.25), at(0.75), at(0.9)
    many = at(0.6) // 100
    lines += 1 - lines % 2
    whole = [line(number) for number in range(count and many * 100, many * 100 + 100)]
    return [
        edit("exact text", [(line(half), f"{half} $1 in the middle, {LETTERS}")],
             f"s/^{half:08d} /{half} $1 in the middle, /",
             oldText=f"{half:08d} abc", newText=f"{half} $1 in the middle, abc"),
        edit("text with other white space", [(line(later), "another line")],
             f"s/^{later:08d} .*/another line/",
             oldText=f"\t{later:08d} {LETTERS}  ", newText="\tanother line"),
        edit("a line inserted at the start", [(line(0), f"first\n{line(0)}")],
             "/^00000000 /i first", start_line=1, end_line=0, newText="first"),
        # These lines are one line further down since the insertion.
        edit("two lines replaced", [(f"{line(lines)}\n{line(lines + 1)}", "one line")],
             f"/^{lines:08d} /,/^{lines + 1:08d} /c one line",
             start_line=lines + 2, end_line=lines + 3, newText="one line"),
        edit("expression, one place", [(line(quarter), f"{LETTERS} $ {quarter:08d}")],
             rf"s/^({quarter:08d}) (\w+)$/\2 $ \1/",
             oldText=rf"^({quarter:08d}) (\w+)$", newText="$2 $$ ${1}", match="regex"),
        edit("expression, 100 places", [(text, f"{LETTERS} {text[:8]}") for text in whole],
             rf"s/^({many:06d}[0-9]{{2}}) (.*)$/\2 \1/",
             oldText=rf"^({many:06d}\d\d) (.*)$", newText="$2 $1", match="regex", all=True),
    ], lines


def patch_of(name, number, changes):
    """A unified diff that replaces lines, each given by its number and what comes."""
    text, shift, pairs = f"--- a/{name}\n+++ b/{name}\n", 0, []
    for place, new in changes:
        start = number(place - 1)
        text += f"@@ -{start},3 +{start + shift},{2 + len(new)} @@\n {line(place - 1)}\n-{line(place)}\n"
        text += "".join(f"+{part}\n" for part in new) + f" {line(place + 1)}\n"
        shift += len(new) - 1
        pairs.append((f"{line(place)}\n", "".join(f"{part}\n" for part in new)))
    return pairs, text


def run(agent, root, name, count, reference):
    """Ten edits, timed; the reference has them too."""
    time, reply = agent.timed("read_file_range", path=name, tail_lines=1)
    require(reply.text == line(count - 1) + "\n", f"the last line: {reply.text}")
    sample("first scan of all lines", time)
    times = []
    for number in random.Random(1).sample(range(count // 3, count // 3 * 2), 9):
        time, reply = agent.timed("read_file_range", path=name, start_line=number + 1, line_count=1)
        # A line after a hole includes all of the hole.
        require(reply.text == line(number) + "\n", f"line {number}: {reply.text[:60]}")
        times.append(time)
    sample("a line in the middle, indexed", statistics.median(times))

    def make(edit):
        time, _ = agent.timed(edit.tool, path=name, **edit.arguments)
        sample(edit.name, time)

    edits, lines = text_edits(count)
    for edit in edits:
        make(edit)
    reference.edit(edits)
    place = int(count * 0.8)
    offset = reference.find(agent, name, line(place)) + 10
    edits = [
        Edit("bytes", "edit_file", [(line(place), line(place)[:10] + "spliced" + line(place)[15:])],
             edits=[{"offset": offset, "length": 5, "newText": "spliced"}]),
        Edit("append", "edit_file", [(f"{line(count - 1)}\n", f"{line(count - 1)}\nthe end\n")],
             edits=[{"append": True, "newText": "the end\n"}])]
    for edit in edits:
        make(edit)
    reference.splice(edits)

    def number(place):  # the first line, and two that became one
        return place + 2 - (place > lines)

    middle = int(count * 0.4)
    patches = [
        [(5, []), (middle, ["changed"]), (middle + 50, ["one", "two", "three"]),
         (int(count * 0.95), ["near the end"])],
        # The line numbers are those before the first patch: all hunks but one have moved.
        [(20, ["moved"]), (int(count * 0.45), ["moved by one"]), (int(count * 0.97), ["and this"])]]
    texts = [patch_of(name, number, changes) for changes in patches]
    with open(os.path.join(root, "p.diff"), "w") as file:
        file.write(texts[1][1])
    edits = [
        Edit("patch", "edit_file_apply_patch", *texts[0], patch=texts[0][1]),
        Edit("patch from a file, moved", "edit_file_apply_patch", *texts[1], patch_path="p.diff")]
    for edit in edits:
        make(edit)
    reference.patch(edits)
    reference.compare(os.path.join(root, name))
    sample("the slowest call", agent.slowest)
    sample("memory:most of the server", agent.peak)


class NoReference:
    """Only where things are."""

    def __init__(self, path):
        self.path = path

    def edit(self, edits):
        pass

    splice = patch = edit

    def find(self, agent, name, text):
        # Uses the tool, because an edit would have to drop pages of the mount that reads have cached.
        return agent.use("read_file_range", path=name, around=text, max_bytes=100).data["match_offset"]

    def compare(self, path):
        pass


class PlainFile(NoReference):
    """A copy that sed, Python and patch edit."""

    def edit(self, edits):
        script = [word for edit in edits for word in ("-e", edit.script)]
        subprocess.run(["sed", "-i", "-E", *script, self.path], check=True)

    def splice(self, edits):
        for edit in edits:
            for old, new in edit.pairs:
                with open(self.path, "r+b") as file:
                    with mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ) as data:
                        place = data.find(old.encode())
                    require(place >= 0, f"{edit.name}: {old} is not in the plain file")
                    file.seek(place + len(old))
                    rest = file.read()
                    file.seek(place)
                    file.write(new.encode() + rest)

    def patch(self, edits):
        for edit in edits:
            # patch must not keep a backup file if hunks have moved.
            subprocess.run(["patch", "-s", "--no-backup-if-mismatch", self.path],
                           input=edit.script.encode(), check=True)

    def compare(self, path):
        subprocess.run(["cmp", path, self.path], check=True)


class Runs:
    """Runs of text with holes between them, as the file should be."""

    def __init__(self, size):
        run_bytes = SPARSE_LINES * LINE_BYTES
        self.runs = [lines_of(part * SPARSE_LINES, SPARSE_LINES) for part in range(3)]
        self.holes = [size // 2 - run_bytes, size - size // 2 - 2 * run_bytes, 0]

    def edit(self, edits):
        for edit in edits:
            for old, new in edit.pairs:
                found = [index for index, text in enumerate(self.runs) if text.count(old.encode()) == 1]
                require(len(found) == 1, f"{edit.name}: {old} is not in the text")
                self.runs[found[0]] = self.runs[found[0]].replace(old.encode(), new.encode())

    splice = patch = edit

    def find(self, agent, name, text):
        offset = 0
        for part, hole in zip(self.runs, self.holes):
            place = part.find(text.encode())
            if place >= 0:
                return offset + place
            offset += len(part) + hole
        raise Failure(f"{text} is not in the text")

    def compare(self, path):
        zeros = bytes(1 << 20)
        with open(path, "rb", buffering=0) as file:
            for index, (part, hole) in enumerate(zip(self.runs, self.holes)):
                require(file.read(len(part)) == part, f"text {index} differs")
                while hole > 0:
                    data = file.read(min(hole, len(zeros)))
                    require(data and data == zeros[:len(data)], f"hole {index} has data")
                    hole -= len(data)
            require(not file.read(1), "the file is longer")


def edits(program, root, name, count, plain=None):
    with Agent(program, "mcp", root) as agent:
        path = os.path.join(root, name)
        run(agent, root, name, int(count), PlainFile(plain) if plain else NoReference(path))


def sparse_edits(program, root, name):
    with Agent(program, "mcp", root) as agent:
        size = os.path.getsize(os.path.join(root, name))
        run(agent, root, name, 3 * SPARSE_LINES, Runs(size))


# MARK: Reading, long lines, copies

def digest(path):
    found = hashlib.sha256()
    with open(path, "rb") as file:
        while data := file.read(1 << 20):
            found.update(data)
    return found.hexdigest()


def pieces(program, root, name, plain):
    """By next_offset, as an agent does."""
    with Agent(program, "mcp", root) as agent:
        found, offset, total, count = hashlib.sha256(), 0, 0.0, 0
        while offset is not None:
            time, reply = agent.timed("read_file_range", path=name, offset=offset, char_count=9_000)
            total += time
            count += 1
            found.update(reply.text.encode("utf-8"))
            before, offset = offset, reply.data.get("next_offset")
            require(offset is None or offset > before, f"{before} continues at {offset}")
            require(len(reply.text) == 9_000 or offset is None, f"a piece of {len(reply.text)} characters")
        require(found.hexdigest() == digest(plain), "the pieces differ from the file")
        require(count > 1, "one piece only")
        sample("a text of many alphabets read back in pieces of 9,000 characters", total)
        sample("one such piece", total / count)
        sample("memory:most of the server, reading", agent.peak)


def line_edits(program, root, name, plain):
    with Agent(program, "mcp", root) as agent:
        size = os.path.getsize(plain)
        found, offset = hashlib.sha256(), 0
        while offset is not None:  # as large as pieces come
            reply = agent.use("read_file_range", path=name, offset=offset, length=250_000)
            found.update(reply.text.encode())
            offset = reply.data.get("next_offset")
        require(found.hexdigest() == digest(plain), "the pieces differ from the line")
        around = agent.use("read_file_range", path=name, around="-the middle-", max_bytes=1_000)
        require(around.data["match_offset"] == size // 2, around.data)
        agent.use("edit_file", path=name, edits=[
            {"oldText": "-the middle-", "newText": "-die Mitte des Texts-"}])
        agent.use("edit_file", path=name, edits=[{"offset": size - 100, "length": 3, "newText": "drei"},
                                                 {"offset": 7, "newText": "AB\n"}])
        agent.refuse("edit_file", "ambiguous", path=name, edits=[{"oldText": "one long", "newText": ""}])
        agent.refuse("edit_file", "no_match", "bounds", path=name,
                     edits=[{"oldText": "  one  long line", "newText": ""}])
        with open(plain, "rb") as file:
            data = bytearray(file.read())
        data = data.replace(b"-the middle-", b"-die Mitte des Texts-")
        data[size - 100:size - 97] = b"drei"
        data[7:7] = b"AB\n"
        with open(os.path.join(root, name), "rb") as file:
            require(file.read() == data, "the edits differ from those in memory")
        sample("memory:most of the server", agent.peak)


def copy(root, source, destination, tool, *command):
    with Agent(*command, directory=root, keeps_bounds=tool == "copy_files") as agent:
        if tool == "copy_files":
            arguments = {"source_path": source, "destination_path": destination}
        else:  # a directory for the copies, as MassGen's server wants it
            arguments = {"source_base_path": os.path.join(root, source),
                         "destination_base_path": os.path.join(root, destination)}
        time, reply = agent.timed(tool, **arguments)
        require(reply.data.get("success", True), reply.texts)
        sample("a copy", time)


def main(words):
    makers = {"text": make_text, "sparse": make_sparse, "mixed": make_mixed, "line": make_line}
    workloads = {"edits": edits, "sparse-edits": sparse_edits, "pieces": pieces,
                 "line-edits": line_edits, "copy": copy}
    if len(words) == 3 and words[0] in makers:
        makers[words[0]](words[1], int(words[2]))
    elif words and words[0] in workloads:
        workloads[words[0]](*words[1:])
    else:
        raise Failure("see the usage in this file")


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except Failure as failure:
        sys.exit(f"tools.py {' '.join(sys.argv[1:2])}: {failure}")
