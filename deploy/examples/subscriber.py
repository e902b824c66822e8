#!/usr/bin/python3
"""A subscriber of the signal stream that misses nothing and sees nothing twice.

Debian packages: python3-zmq python3-protobuf protobuf-compiler libprotobuf-dev. The message classes are made from
proto/integration/v1/*.proto by protoc into a temporary directory at start; --proto names the directory when this
file does not lie in the project's tree. README.md in this directory explains the protocol.

    subscriber.py --prefix signal/ --from-seq 0
    subscriber.py --json --curve-server-key server.key --curve-client-key alice.key_secret

Put your own work into handle(), or use the class:

    with Subscriber("tcp://127.0.0.1:5556", "tcp://127.0.0.1:5557", after_seq=last, epoch=epoch) as subscriber:
        for message in subscriber:
            work(message)               # message.topic, .header, .payload
            keep(message.header.epoch, message.header.seq)  # the next start begins here

Exit status: 0 done or interrupted, 1 it cannot begin, 2 the command line is wrong, 3 nothing was heard (--give-up).
"""
import argparse
import collections
import importlib
import json
import logging
import pathlib
import subprocess
import sys
import tempfile
import time

import zmq
import zmq.auth
from google.protobuf.json_format import MessageToDict
from zmq.utils.monitor import recv_monitor_message

TOPICS_MOST = 65536    # remembered by a subscriber of a prefix; beyond, all are forgotten but that they were seen
QUIET_HEARTBEATS = 5   # a subscriber of a prefix asks after so many heartbeats without a message of its own
REPLAY_LIMIT = 10000   # the most that one request may ask for
ANSWER_SECONDS = 5.0   # without an answer the replay is asked for again
AGAIN_SECONDS = 1.0    # between a refused replay and the next

log = logging.getLogger("subscriber")
Message = collections.namedtuple("Message", "topic header payload")


def handle(message, as_json):
    """Your own work goes here. It is called once for each message: within a topic in order, and for a subscriber of
    everything in the order of seq. What it raises ends the program before the message counts as seen."""
    header, payload = message.header, message.payload
    fields = payload if isinstance(payload, dict) else MessageToDict(payload, preserving_proto_field_name=True)
    if as_json:
        line = json.dumps({"topic": message.topic, "epoch": header.epoch, "seq": header.seq,
                           "topic_seq": header.topic_seq, "published_at_us": header.published_at_us,
                           "schema": header.schema, "replay": header.replay, "payload": fields})
    else:
        line = f"#{header.seq} {message.topic} " + " ".join(f"{name}={value}" for name, value in fields.items())
    print(line, flush=True)


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


class Subscriber:
    """Follows the stream. While nothing is missing it reads the SUB socket. When something is, it asks the replay
    socket for it (`due`) and reads that connection to its end, while what is live waits in the SUB socket. A live
    message that shows a gap is dropped: the replay brings it again, in its place."""

    def __init__(self, url, replay_url, prefix="", after_seq=None, epoch=0, server_key=None, client_key=None,
                 proto_dir=None, queue=100000):
        here = pathlib.Path(__file__).resolve().parent
        self.types = compile_protocol(proto_dir or here.parent.parent / "proto")
        self.replay_url, self.prefix, self.queue = replay_url, prefix, queue
        self.keys = self._load_keys(server_key, client_key)
        self.context = zmq.Context()
        self.epoch = epoch           # of the store; another one means that seq begins anew
        self.newest = after_seq      # highest seq given out, or known to be none of ours; None = not known yet
        self.floor = after_seq or 0  # all of ours up to here was given out
        self.topics = {}             # topic -> (topic_seq, seq) given out last; of a subscriber of a prefix
        self.due = after_seq         # a replay is due, after this seq; None = none
        self.quiet = 0               # heartbeats since a message of ours
        self.lost = 0                # messages that no replay could bring any more
        self.connections = 0
        self.heard_at = time.monotonic()
        self.dealer = None           # the connection of the replay under way
        self.replayed = 0            # messages that it brought
        self.answer_by = self.ask_at = 0.0
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
            message = self.next(1.0)
            if message is not None:
                yield message

    def next(self, seconds):
        """The next message; None when none came in time."""
        deadline = time.monotonic() + seconds
        while True:
            if self.due is not None and self.dealer is None:
                self._ask(deadline)
            if self.dealer is not None:
                message = self._next_replayed(deadline)
            else:
                message = self._next_live(deadline) if self.due is None else None
            if message is not None or time.monotonic() >= deadline:
                return message

    def has_all_up_to(self, seq):
        """True when every message of ours up to this seq was given out."""
        return self.due is None and self.newest is not None and self.newest >= seq

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
        socket.rcvhwm = self.queue
        socket.setsockopt(zmq.HEARTBEAT_IVL, 5000)       # so that a dead connection is noticed,
        socket.setsockopt(zmq.HEARTBEAT_TIMEOUT, 10000)  # and made again
        if self.keys:
            socket.curve_serverkey, socket.curve_publickey, socket.curve_secretkey = self.keys
        return socket

    def _receive(self, socket, deadline):
        """The frames of a message; None when none came in time. Notices a connection that came back."""
        poller = zmq.Poller()
        poller.register(self.monitor, zmq.POLLIN)
        if socket is not None:
            poller.register(socket, zmq.POLLIN)
        events = dict(poller.poll(max(0.0, deadline - time.monotonic()) * 1000))
        if self.monitor in events:
            recv_monitor_message(self.monitor)
            self.connections += 1
            if self.connections > 1 and self.newest is not None:
                log.warning("connected again")
                self._want(self.newest)
        if socket not in events:
            return None
        self.heard_at = time.monotonic()
        return socket.recv_multipart()

    def _read(self, frames):
        """topic, StreamHeader, payload"""
        topic, header_bytes, payload_bytes = frames
        header = self.types["integration.v1.StreamHeader"].FromString(header_bytes)
        if payload_bytes[:1] == b"{":  # INTEGRATION_STREAM_FORMAT=json
            return Message(topic.decode(), header, json.loads(payload_bytes))
        return Message(topic.decode(), header, self.types[header.schema].FromString(payload_bytes))

    # ---- what is new, what is missing ----

    def _want(self, after):
        self.due = after if self.due is None else min(self.due, after)

    def _check_epoch(self, epoch):
        """Another epoch is another store: nothing that was seen counts. True when it changed."""
        changed = self.epoch not in (0, epoch)
        if changed:
            log.warning("the store was replaced (epoch %d); beginning anew", epoch)
            self.newest, self.floor, self.topics, self.due = 0, 0, {}, 0
        self.epoch = epoch
        return changed

    def _missing(self, message):
        """How many messages are missing before this one; -1 when it was seen."""
        header = message.header
        if not self.prefix:
            return header.seq - self.newest - 1 if header.seq > self.newest else -1
        if message.topic in self.topics:
            topic_seq = self.topics[message.topic][0]
            return header.topic_seq - topic_seq - 1 if header.topic_seq > topic_seq else -1
        return 0 if header.seq > self.floor else -1

    def _give_out(self, message):
        if self.prefix:
            if len(self.topics) >= TOPICS_MOST:
                self.topics, self.floor = {}, self.newest
            self.topics[message.topic] = (message.header.topic_seq, message.header.seq)
        self.newest = max(self.newest, message.header.seq)
        self.quiet = 0
        return message

    # ---- live ----

    def _next_live(self, deadline):
        frames = self._receive(self.live, deadline)
        if frames is None:
            return None
        message = self._read(frames)
        if self._check_epoch(message.header.epoch):
            return None
        if message.topic == "heartbeat":
            return self._take_heartbeat(message.payload)
        if self.newest is None:  # following begins here
            self.newest = self.floor = message.header.seq - 1
        missing = self._missing(message)
        if missing > 0:
            seen = self.topics[message.topic][1] if self.prefix else self.newest
            log.warning("gap: %d missing before seq %d (%s)", missing, message.header.seq, message.topic)
            self._want(max(seen, self.floor))
        return self._give_out(message) if missing == 0 and self.due is None else None

    def _take_heartbeat(self, payload):
        """The last seq that was published: what is missing at the end shows here."""
        last_seq = int(payload["last_seq"]) if isinstance(payload, dict) else payload.last_seq
        if self.newest is None:
            self.newest = self.floor = last_seq
        if last_seq > self.newest:
            self.quiet += 1
            if not self.prefix or self.quiet >= QUIET_HEARTBEATS:
                self._want(self.newest)

    # ---- replay ----

    def _ask(self, deadline):
        """Each request has a connection of its own: what comes on it belongs to this request."""
        if time.monotonic() < self.ask_at:
            self._receive(None, min(deadline, self.ask_at))
            return
        self.dealer = self._socket(zmq.DEALER)
        self.dealer.connect(self.replay_url)
        request = self.types["integration.v1.ReplayRequest"](prefix=self.prefix, after_seq=self.due,
                                                             limit=REPLAY_LIMIT)
        self.dealer.send(request.SerializeToString())
        self.answer_by, self.replayed = time.monotonic() + ANSWER_SECONDS, 0

    def _end_asking(self, pause=0.0):
        self.dealer.close()
        self.dealer = None
        self.ask_at = time.monotonic() + pause

    def _next_replayed(self, deadline):
        frames = self._receive(self.dealer, min(deadline, self.answer_by))
        if frames is None:
            if time.monotonic() >= self.answer_by:
                log.warning("no answer from %s; asking again", self.replay_url)
                self._end_asking()
            return None
        self.answer_by = time.monotonic() + ANSWER_SECONDS
        if len(frames) == 2 and frames[0] == b"error":
            log.warning("replay refused: %s; asking again", frames[1].decode(errors="replace"))
            self._end_asking(AGAIN_SECONDS)
            return None
        if len(frames) == 2 and frames[0] == b"end":
            self._take_end(self.types["integration.v1.ReplayEnd"].FromString(frames[1]))
            return None
        return self._take_replayed(self._read(frames))

    def _take_replayed(self, message):
        if self._check_epoch(message.header.epoch):  # it was asked of another store
            self._end_asking()
            return None
        self.due = max(self.due, message.header.seq)
        missing = self._missing(message)
        if missing < 0:
            return None
        self._count_lost(missing)
        self.replayed += 1
        return self._give_out(message)

    def _take_end(self, end):
        self._end_asking()
        if self._check_epoch(end.epoch):
            return
        log.info("replay: %d messages after what was seen, up to seq %d%s", self.replayed, end.last_seq,
                 ", more to come" if end.more else "")
        if end.more:
            return  # `due` is where the next request goes on
        if not self.prefix:
            self._count_lost(max(0, end.last_seq - self.newest))
        self.newest = max(self.newest, end.last_seq)
        self.floor = max(self.floor, end.last_seq)
        self.due = None

    def _count_lost(self, count):
        if count > 0:
            self.lost += count
            log.warning("lost: %d messages are no longer kept", count)


def read_options():
    parser = argparse.ArgumentParser(description="Follows the signal stream; one line a message.")
    parser.add_argument("--url", default="tcp://127.0.0.1:5556", help="PUB socket of the service")
    parser.add_argument("--replay-url", default="tcp://127.0.0.1:5557", help="replay socket of the service")
    parser.add_argument("--prefix", default="", help="only topics that begin so, such as signal/")
    parser.add_argument("--from-seq", type=int, help="begin after this seq instead of now; 0 = all that is kept")
    parser.add_argument("--epoch", type=int, default=0, help="of that seq; of another store, all comes again")
    parser.add_argument("--count", type=int, default=0, help="end after so many messages; 0 = never")
    parser.add_argument("--until-seq", type=int, default=0, help="end when all up to this seq was seen; 0 = never")
    parser.add_argument("--json", action="store_true", help="one JSON object a line")
    parser.add_argument("--queue", type=int, default=100000, help="messages kept by ZeroMQ while handle() works")
    parser.add_argument("--give-up", type=float, default=0, metavar="SECONDS",
                        help="end with status 3 when nothing is heard for so long; 0 = never")
    parser.add_argument("--curve-server-key", help="public certificate of the server (its server.key)")
    parser.add_argument("--curve-client-key", help="own secret certificate (NAME.key_secret)")
    parser.add_argument("--proto", help="directory that holds integration/v1/*.proto")
    options = parser.parse_args()
    if bool(options.curve_server_key) != bool(options.curve_client_key):
        parser.error("--curve-server-key and --curve-client-key: both or neither")
    return options


def follow(options, subscriber):
    """The exit status."""
    handled = 0
    while not (options.until_seq and subscriber.has_all_up_to(options.until_seq)):
        message = subscriber.next(0.2)
        if message is not None:
            handle(message, options.json)
            handled += 1
            if handled == options.count:
                break
        if options.give_up and time.monotonic() - subscriber.heard_at > options.give_up:
            log.error("nothing was heard for %g s: is the service up, and the key admitted?", options.give_up)
            return 3
    return 0


def main():
    options = read_options()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    try:
        subscriber = Subscriber(options.url, options.replay_url, options.prefix, options.from_seq, options.epoch,
                                options.curve_server_key, options.curve_client_key, options.proto, options.queue)
    except (OSError, ValueError, zmq.ZMQError, subprocess.CalledProcessError) as error:
        log.error("cannot begin: %s", error)
        return 1
    with subscriber:
        return follow(options, subscriber)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except (KeyboardInterrupt, BrokenPipeError):
        sys.exit(0)
