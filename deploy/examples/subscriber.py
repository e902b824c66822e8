#!/usr/bin/python3
"""A subscriber of the signal stream that misses nothing and sees nothing twice.

Debian packages: python3-zmq python3-protobuf protobuf-compiler libprotobuf-dev. The message classes are made from
proto/integration/v1/*.proto by protoc into a temporary directory at start; --proto names the directory when this
file does not lie in the project's tree.

    subscriber.py --prefix signal/ --from-seq 0
    subscriber.py --curve-server-key server.key --curve-client-key alice.key_secret

Each message is printed as one JSON line. As a library:

    with Subscriber("tcp://127.0.0.1:5556", "tcp://127.0.0.1:5557", after_seq=last) as subscriber:
        for message in subscriber:
            handle(message)             # message.topic, .header, .payload
            last = message.header.seq   # keep it (with header.epoch): the next start begins here

How nothing is missed. A message has three frames: topic, StreamHeader, payload. header.seq rises by 1 over the whole
stream, header.topic_seq by 1 within a topic; a heartbeat every second carries the last seq. A subscriber of
everything sees a gap in seq, one of a prefix sees it in topic_seq. It then asks the replay socket for what came after
the last seq it is sure of, keeps what arrives live meanwhile, and goes on with that after the replay's end. So it
does after each reconnection too. What comes twice (live and replayed, or published again after a crash of the
service) has a seq, or topic_seq, that was seen.
"""
import argparse
import collections
import importlib
import json
import pathlib
import subprocess
import sys
import tempfile
import time

import zmq
import zmq.auth
from zmq.utils.monitor import recv_monitor_message

HELD_MOST = 10000      # live messages kept while a replay runs
QUIET_HEARTBEATS = 5   # a subscriber of a prefix asks after so many heartbeats without a message of its own
REPLAY_LIMIT = 10000
ANSWER_SECONDS = 5.0

Message = collections.namedtuple("Message", "topic header payload")


def compile_protocol(proto_dir):
    """Runs protoc over the .proto files; returns {full name: message class}."""
    files = sorted(str(path) for path in pathlib.Path(proto_dir).glob("integration/v1/*.proto"))
    if not files:
        raise FileNotFoundError(f"no integration/v1/*.proto below {proto_dir}")
    messages = {}
    with tempfile.TemporaryDirectory(prefix="integration-proto-") as target:
        subprocess.run(["protoc", f"-I{proto_dir}", f"--python_out={target}", *files], check=True)
        sys.path.insert(0, target)
        for path in files:
            module = importlib.import_module(f"integration.v1.{pathlib.Path(path).stem}_pb2")
            for name in module.DESCRIPTOR.message_types_by_name:
                message = getattr(module, name)
                messages[message.DESCRIPTOR.full_name] = message
        sys.path.remove(target)
    return messages


class ReplayRefused(Exception):
    """The service answered `error`."""


class Subscriber:
    def __init__(self, url, replay_url, prefix="", after_seq=None, epoch=0, server_key=None, client_key=None,
                 proto_dir=None):
        here = pathlib.Path(__file__).resolve().parent
        self.types = compile_protocol(proto_dir or here.parent.parent / "proto")
        self.replay_url, self.prefix = replay_url, prefix
        self.keys = self._load_keys(server_key, client_key)
        self.context = zmq.Context()
        self.newest = after_seq    # highest seq handed out, or known to be none of ours; None = not known yet
        self.floor = after_seq or 0  # all of ours up to here was handed out
        self.epoch = epoch         # of the store; another one means that seq begins anew
        self.topics = {}           # topic -> (topic_seq, seq) handed out last
        self.due = after_seq       # a replay is due, after this seq; None = none
        self.quiet = 0
        self.held = []             # live messages that came while a replay was due
        self.connections = 0
        self.lost = 0              # messages that no replay could bring any more
        self.live = self._socket(zmq.SUB)
        self.monitor = self.live.get_monitor_socket(zmq.EVENT_HANDSHAKE_SUCCEEDED)
        self.live.subscribe(prefix.encode())
        self.live.subscribe(b"heartbeat")
        self.live.connect(url)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.live.disable_monitor()
        self.context.destroy(linger=0)

    def __iter__(self):
        while True:
            if self.due is not None:
                yield from self._replay()
                yield from self._offer_held()
            if self._wait(self.live, 0.2):  # and look whether a replay became due
                message = self._receive(self.live.recv_multipart())
                if message is not None and self._take_live(message):
                    yield message

    # ---- sockets ----

    @staticmethod
    def _load_keys(server_key, client_key):
        if not server_key:
            return None
        server, _ = zmq.auth.load_certificate(server_key)
        public, secret = zmq.auth.load_certificate(client_key)
        if secret is None:
            raise ValueError(f"{client_key} holds no secret key")
        return server, public, secret

    def _socket(self, kind):
        socket = self.context.socket(kind)
        socket.linger = 0
        socket.rcvhwm = 100000
        socket.setsockopt(zmq.HEARTBEAT_IVL, 5000)       # so that a dead connection is noticed,
        socket.setsockopt(zmq.HEARTBEAT_TIMEOUT, 10000)  # and made again
        if self.keys:
            socket.curve_serverkey, socket.curve_publickey, socket.curve_secretkey = self.keys
        return socket

    def _wait(self, socket, seconds):
        """True when the socket is readable. Notices a connection that came back."""
        poller = zmq.Poller()
        poller.register(socket, zmq.POLLIN)
        poller.register(self.monitor, zmq.POLLIN)
        deadline = time.monotonic() + seconds
        while True:
            events = dict(poller.poll(max(0, deadline - time.monotonic()) * 1000))
            if self.monitor in events:
                recv_monitor_message(self.monitor)
                self.connections += 1
                if self.connections > 1 and self.newest is not None:
                    self._want(self.newest)
            if socket in events or not events:
                return socket in events

    def _receive(self, frames):
        """A message of three frames; a heartbeat is taken in and gives None."""
        topic, header_bytes, payload_bytes = frames
        header = self.types["integration.v1.StreamHeader"].FromString(header_bytes)
        if payload_bytes[:1] == b"{":  # INTEGRATION_STREAM_FORMAT=json
            payload = json.loads(payload_bytes)
        else:
            payload = self.types[header.schema].FromString(payload_bytes)
        if topic != b"heartbeat":
            return Message(topic.decode(), header, payload)
        self._take_heartbeat(header, payload["last_seq"] if isinstance(payload, dict) else payload.last_seq)
        return None

    # ---- what is new, what is missing ----

    def _want(self, after):
        self.due = after if self.due is None else min(self.due, after)

    def _check_epoch(self, header):
        """Another epoch is another store: nothing that was seen counts. True when it changed."""
        changed = self.epoch not in (0, header.epoch)
        if changed:
            self.newest, self.floor, self.topics, self.due = 0, 0, {}, 0
        self.epoch = header.epoch
        return changed

    def _take_heartbeat(self, header, last_seq):
        self._check_epoch(header)
        if self.newest is None:
            self.newest = self.floor = last_seq
        if last_seq > self.newest:
            self.quiet += 1
            if not self.prefix or self.quiet >= QUIET_HEARTBEATS:
                self._want(self.newest)

    def _missing(self, message):
        """How many messages are missing before this one; -1 when it was seen."""
        header = message.header
        if not self.prefix:
            return header.seq - self.newest - 1 if header.seq > self.newest else -1
        if message.topic in self.topics:
            topic_seq = self.topics[message.topic][0]
            return header.topic_seq - topic_seq - 1 if header.topic_seq > topic_seq else -1
        return 0 if header.seq > self.floor else -1

    def _hand_out(self, message):
        if self.prefix:
            self.topics[message.topic] = (message.header.topic_seq, message.header.seq)
        self.newest = max(self.newest, message.header.seq)
        self.quiet = 0

    def _take_live(self, message):
        """True when the message is to be handed out now."""
        self._check_epoch(message.header)
        if self.newest is None:
            self.newest = self.floor = message.header.seq - 1
        missing = self._missing(message)
        if self.due is None and missing > 0:
            seen = self.topics[message.topic][1] if self.prefix else self.newest
            self._want(max(seen, self.floor))
        if self.due is not None:
            if len(self.held) < HELD_MOST:  # beyond, it is a gap again after the replay
                self.held.append(message)
            return False
        if missing == 0:
            self._hand_out(message)
        return missing == 0

    def _offer_held(self):
        held, self.held = self.held, []
        for message in held:
            if self._take_live(message):
                yield message

    # ---- replay ----

    def _replay(self):
        """Hands out what came after `due`. Each request has a connection of its own."""
        while self.due is not None:
            dealer = self._socket(zmq.DEALER)
            try:
                dealer.connect(self.replay_url)
                request = self.types["integration.v1.ReplayRequest"](
                    prefix=self.prefix, after_seq=self.due, limit=REPLAY_LIMIT)
                dealer.send(request.SerializeToString())
                yield from self._replay_answers(dealer)
            except TimeoutError:
                print(f"no answer from {self.replay_url}; asking again", file=sys.stderr)
            except ReplayRefused as refused:
                print(f"replay refused: {refused}; asking again", file=sys.stderr)
                time.sleep(1)
            finally:
                dealer.close()

    def _replay_answers(self, dealer):
        """Until the end. Live messages wait in the SUB socket meanwhile, up to its high-water mark."""
        while True:
            if not self._wait(dealer, ANSWER_SECONDS):
                raise TimeoutError
            frames = dealer.recv_multipart()
            if len(frames) == 2 and frames[0] == b"error":
                raise ReplayRefused(frames[1].decode())
            if len(frames) == 2 and frames[0] == b"end":
                self._take_end(self.types["integration.v1.ReplayEnd"].FromString(frames[1]))
                return
            message = self._receive(frames)
            if self._check_epoch(message.header):
                return  # asked of another store: again, from its beginning
            self.due = max(self.due, message.header.seq)
            missing = self._missing(message)
            if missing >= 0:
                self.lost += missing
                self._hand_out(message)
                yield message

    def _take_end(self, end):
        if self._check_epoch(end) or end.more:
            return
        if not self.prefix:
            self.lost += max(0, end.last_seq - self.newest)
        self.newest = max(self.newest, end.last_seq)
        self.floor = max(self.floor, end.last_seq)
        self.due = None


def payload_to_dict(payload):
    if isinstance(payload, dict):
        return payload
    from google.protobuf.json_format import MessageToDict
    return MessageToDict(payload, preserving_proto_field_name=True)


def main():
    parser = argparse.ArgumentParser(description="Follows the signal stream; one JSON line a message.")
    parser.add_argument("--url", default="tcp://127.0.0.1:5556", help="PUB socket of the service")
    parser.add_argument("--replay-url", default="tcp://127.0.0.1:5557", help="replay socket of the service")
    parser.add_argument("--prefix", default="", help="only topics that begin so, such as signal/")
    parser.add_argument("--from-seq", type=int, help="begin after this seq instead of now; 0 = all that is kept")
    parser.add_argument("--count", type=int, default=0, help="end after so many messages; 0 = never")
    parser.add_argument("--curve-server-key", help="public certificate of the server (its server.key)")
    parser.add_argument("--curve-client-key", help="own secret certificate (NAME.key_secret)")
    parser.add_argument("--proto", help="directory that holds integration/v1/*.proto")
    options = parser.parse_args()
    if bool(options.curve_server_key) != bool(options.curve_client_key):
        parser.error("--curve-server-key and --curve-client-key: both or neither")
    with Subscriber(options.url, options.replay_url, options.prefix, options.from_seq,
                    server_key=options.curve_server_key, client_key=options.curve_client_key,
                    proto_dir=options.proto) as subscriber:
        for number, message in enumerate(subscriber, 1):
            print(json.dumps({"topic": message.topic, "seq": message.header.seq,
                              "topic_seq": message.header.topic_seq, "replay": message.header.replay,
                              "schema": message.header.schema, "payload": payload_to_dict(message.payload)}),
                  flush=True)
            if number == options.count:
                return


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        pass
