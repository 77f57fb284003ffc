# A client of `draftfs mcp`, or of another server for agents, on its standard input and output. It
# uses only Python's standard library. It keeps the limits of agent frameworks: 9,500 bytes of
# arguments, 4,096 bytes of text in a reply unless the call asks for more, 30 s for a call.
import json
import subprocess
import time


class Failure(Exception):
    """What was not as it should be."""


def require(condition, what):
    if not condition:
        raise Failure(what)


class Reply:
    def __init__(self, result):
        self.is_error = result.get("isError", False)
        self.texts = [part["text"] for part in result["content"] if part["type"] == "text"]
        self.text = self.texts[0] if self.texts else ""
        self.data = result.get("structuredContent") or {}


class Agent:
    """One server and its only client."""

    def __init__(self, *command, directory=None, keeps_bounds=True):
        self.keeps_bounds = keeps_bounds
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=directory)
        self.number = 0
        self.slowest = 0.0
        self.request("initialize", protocolVersion="2025-06-18", capabilities={},
                     clientInfo={"name": "agent", "version": "1"})
        self.send({"jsonrpc": "2.0", "method": "notifications/initialized"})

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        try:
            self.process.wait(30)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise Failure("the server does not end") from None

    def send(self, message):
        self.write(json.dumps(message, ensure_ascii=False).encode() + b"\n")

    def write(self, data):
        self.process.stdin.write(data)
        self.process.stdin.flush()

    def receive(self):
        line = self.process.stdout.readline()
        require(line.endswith(b"\n"), f"the server has ended: {self.process.poll()}")
        return json.loads(line.decode("utf-8"))  # strict: no piece of a character

    def request(self, method, **parameters):
        self.number += 1
        self.send({"jsonrpc": "2.0", "id": self.number, "method": method, "params": parameters})
        while True:
            message = self.receive()
            if message.get("id") == self.number:
                require("result" in message, f"{method}: {message.get('error')}")
                return message["result"]

    def tools(self):
        return [tool["name"] for tool in self.request("tools/list")["tools"]]

    def ask(self, name, **arguments):
        """One call, whatever it is answered."""
        size = len(json.dumps(arguments, ensure_ascii=False).encode())
        began = time.monotonic()
        reply = Reply(self.request("tools/call", name=name, arguments=arguments))
        self.slowest = max(self.slowest, time.monotonic() - began)
        if self.keeps_bounds:
            require(size <= 9_500, f"{name}: {size} bytes of arguments")
            require(self.slowest < 30, f"{name} took {self.slowest:.1f} s")
            if not {"max_bytes", "length", "char_count"} & set(arguments):
                size = sum(len(text.encode()) for text in reply.texts)
                require(size <= 4_096, f"{name}: a reply of {size} bytes")
        return reply

    def end(self, name, **arguments):
        """One call to its end: it may become a job."""
        reply = self.ask(name, **arguments)
        if reply.data.get("state") != "running":
            return reply
        while reply.data.get("state") == "running":
            reply = self.ask("read_job_progress", job_id=reply.data["job_id"], wait_seconds=20)
        reply.is_error = reply.data.get("state") != "done"
        reply.texts = reply.texts[1:]  # behind the line about the job
        reply.text = reply.texts[0] if reply.texts else ""
        reply.data = reply.data.get("result") or {}
        return reply

    def use(self, name, **arguments):
        """A call that succeeds, in the end."""
        reply = self.end(name, **arguments)
        require(not reply.is_error, f"{name}: {reply.texts}")
        return reply

    def refuse(self, name, *kinds, **arguments):
        """A call that fails, with one sentence."""
        reply = self.end(name, **arguments)
        require(reply.is_error, f"{name} is not refused: {reply.texts}")
        require(reply.text and "\n" not in reply.text, f"{name}: no sentence: {reply.text}")
        found = reply.data.get("error", {}).get("kind")
        require(found in kinds, f"{name}: {found}, not {' or '.join(kinds)}: {reply.text}")
        return reply.text

    def timed(self, name, **arguments):
        began = time.monotonic()
        reply = self.use(name, **arguments)
        return time.monotonic() - began, reply

    @property
    def peak(self):
        """Bytes of memory that the server held at most."""
        with open(f"/proc/{self.process.pid}/status") as status:
            for line in status:
                if line.startswith("VmHWM:"):
                    return int(line.split()[1]) * 1024
        raise Failure("no VmHWM")
