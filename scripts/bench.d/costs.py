# Reads what `draftfs-costs --where` prints, from its standard input, and prints each allocation, lock and
# system call with the lines of the sources that led to it, the innermost first, and which functions most
# instructions were in. Arguments: llvm-symbolizer, the program, the package's root.
import collections
import subprocess
import sys

MOST_FRAMES = 5
MOST_FUNCTIONS = 16


def symbols(symbolizer, program, addresses):
    """For each address its frames, the innermost first: function, file, line."""
    text = subprocess.run(
        [symbolizer, f"--obj={program}", "--output-style=LLVM", "--relativenames"],
        input="\n".join(addresses), text=True, capture_output=True, check=True).stdout
    found = []
    for block in text.strip("\n").split("\n\n"):
        lines = block.split("\n")
        frames = []
        for function, place in zip(lines[::2], lines[1::2]):
            path, line, _ = place.rsplit(":", 2)
            frames.append((function, path, line))
        found.append(frames)
    return dict(zip(addresses, found))


def demangled(names):
    if not names:
        return {}
    text = subprocess.run(
        ["swift", "demangle", "--simplified", "--compact"], input="\n".join(names), text=True,
        capture_output=True, check=True).stdout
    return dict(zip(names, text.split("\n")))


def main(symbolizer, program, root):
    lines = [line.rstrip("\n").split("\t") for line in sys.stdin]
    addresses = sorted({word for line in lines for word in line[1:] if word.startswith("0x")})
    frames = symbols(symbolizer, program, addresses)
    names = demangled(sorted({frame[0] for all in frames.values() for frame in all}))

    def show_event(line):
        print(line[0])
        shown = []
        for word in line[1:]:
            for function, path, number in frames.get(word, []):
                if path.startswith((root + "/Sources/", root + "/Mount/")):
                    place = f"{path[len(root) + 1:]}:{number}"
                    if place not in shown and len(shown) < MOST_FRAMES:
                        shown.append(place)
                        print(f"    {place}  {names[function]}")

    functions = collections.Counter()

    def show_functions():
        whole = sum(functions.values())
        if whole:
            print(f"{whole} instructions, most of them in")
        for name, count in functions.most_common(MOST_FUNCTIONS):
            print(f"    {count:6}  {name}")
        functions.clear()

    for line in lines:
        if line[0] == "instructions":
            word = line[1]
            # The function that has its own code, not those that are inlined in it.
            name = names[frames[word][-1][0]] if word in frames and frames[word] else word
            functions[name] += int(line[2])
        else:
            if line[0].startswith("#"):
                show_functions()
                print(f"\n{line[0]}\n")
            else:
                show_event(line)
    show_functions()


main(*sys.argv[1:])
