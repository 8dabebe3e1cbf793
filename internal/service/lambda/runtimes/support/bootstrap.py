"""The Runtime API loop of Python functions.

It imports little, because what it imports is paid at every cold start: sockets
without the http package, and logging and traceback only when something needs
them. The words of its errors are those of AWS's own runtime.
"""
import _socket
import json
import os
import sys
import time

API = "/2018-06-01/runtime/"
NBSP = "\u00a0"
request_id = ""


class Fault(Exception):
    """An error of the function's set-up, with the type that AWS gives it."""

    def __init__(self, kind, message, trace=None):
        Exception.__init__(self, message)
        self.kind, self.message, self.trace = "Runtime." + kind, message, trace


class Client:
    """One keep-alive connection to the Runtime API."""

    def __init__(self, address):
        host, _, port = address.rpartition(":")
        self.host = address.encode()
        self.sock = _socket.socket(_socket.AF_INET, _socket.SOCK_STREAM)
        self.sock.connect((host, int(port)))
        self.sock.setsockopt(_socket.IPPROTO_TCP, _socket.TCP_NODELAY, 1)
        self.rest = b""

    def get(self, path):
        self.sock.sendall(b"GET " + path.encode() + b" HTTP/1.1\r\nHost: " + self.host + b"\r\n\r\n")
        return self.answer()

    def post(self, path, body, content_type, extra=""):
        head = "POST %s HTTP/1.1\r\nHost: %s\r\nContent-Type: %s\r\n%sContent-Length: %d\r\n\r\n" % (
            path, self.host.decode(), content_type, extra, len(body))
        head = head.encode("utf-8", "replace")
        if len(body) < 65536:
            self.sock.sendall(head + body)
        else:
            self.sock.sendall(head)
            self.sock.sendall(body)
        return self.answer()

    def more(self):
        data = self.sock.recv(65536)
        if not data:
            os._exit(0)  # the platform has gone
        return data

    def answer(self):
        data = self.rest
        while True:
            end = data.find(b"\r\n\r\n")
            if end >= 0:
                break
            data += self.more()
        lines = data[:end].decode("utf-8", "replace").split("\r\n")
        headers = {}
        for line in lines[1:]:
            name, _, value = line.partition(":")
            headers[name.lower()] = value.strip()
        body = [data[end + 4:]]
        missing = int(headers.get("content-length", 0)) - len(body[0])
        while missing > 0:
            part = self.more()
            body.append(part)
            missing -= len(part)
        body = b"".join(body)
        self.rest = b""
        if missing < 0:
            body, self.rest = body[:missing], body[missing:]
        return int(lines[0].split(" ", 2)[1]), headers, body


class Record:
    """An object with the given names, all None unless set."""

    __slots__ = ()

    def __init__(self, values=None):
        for name in self.__slots__:
            setattr(self, name, (values or {}).get(name))

    def __repr__(self):
        return "%s([%s])" % (type(self).__name__, ",".join("%s=%s" % (n, getattr(self, n)) for n in self.__slots__))


class CognitoIdentity(Record):
    __slots__ = ("cognito_identity_id", "cognito_identity_pool_id")


class Client_(Record):
    __slots__ = ("installation_id", "app_title", "app_version_name", "app_version_code", "app_package_name")


class ClientContext(Record):
    __slots__ = ("custom", "env", "client")


Client_.__name__ = "Client"


def parsed(text, what):
    try:
        return json.loads(text)
    except Exception as e:
        raise Fault("LambdaContextUnmarshalError", "Unable to parse %s JSON: %s" % (what, e))


class LambdaContext:
    def __init__(self, headers):
        env = os.environ.get
        self.aws_request_id = headers.get("lambda-runtime-aws-request-id")
        self.invoked_function_arn = headers.get("lambda-runtime-invoked-function-arn")
        self.function_name = env("AWS_LAMBDA_FUNCTION_NAME")
        self.function_version = env("AWS_LAMBDA_FUNCTION_VERSION")
        self.memory_limit_in_mb = env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE")
        self.log_group_name = env("AWS_LAMBDA_LOG_GROUP_NAME")
        self.log_stream_name = env("AWS_LAMBDA_LOG_STREAM_NAME")
        self._deadline = int(headers.get("lambda-runtime-deadline-ms", 0))
        self.client_context = None
        text = headers.get("lambda-runtime-client-context")
        if text:
            self.client_context = ClientContext(parsed(text, "Client Context"))
            if self.client_context.client is not None:
                self.client_context.client = Client_(self.client_context.client)
        self.identity = CognitoIdentity()
        text = headers.get("lambda-runtime-cognito-identity")
        if text:
            given = parsed(text, "Cognito Identity")
            self.identity.cognito_identity_id = given.get("cognitoIdentityId")
            self.identity.cognito_identity_pool_id = given.get("cognitoIdentityPoolId")

    def get_remaining_time_in_millis(self):
        return max(self._deadline - int(time.time() * 1000), 0)

    def log(self, message):
        sys.stdout.write(str(message))

    def __repr__(self):
        return "LambdaContext([%s])" % ",".join(
            "%s=%s" % (k, v) for k, v in self.__dict__.items() if not k.startswith("_"))


# Results.

def unknown_to_json(o):
    decimal = sys.modules.get("decimal")
    if decimal is not None and isinstance(o, decimal.Decimal):
        return int(o) if o.is_finite() and o == o.to_integral_value() else float(o)
    raise TypeError("Object of type %s is not JSON serializable" % type(o).__name__)


encoder = json.JSONEncoder(default=unknown_to_json, ensure_ascii=sys.version_info < (3, 12))


def marshalled(result):
    if isinstance(result, bytes):
        return result, "application/unknown"
    try:
        return encoder.encode(result).encode("utf-8", "surrogatepass"), "application/json"
    except Exception as e:
        raise Fault("MarshalError", "Unable to marshal response: %s" % e)


# Errors.

def frames(tb):
    import traceback
    extracted = [(f.filename, f.lineno, f.name, f.line) for f in traceback.extract_tb(tb)]
    for i, f in enumerate(extracted):
        if f[0] != __file__:
            extracted = extracted[i:]
            break
    return traceback.format_list(extracted)


def described(e, invocation):
    if isinstance(e, Fault):
        return make_error(e.message, e.kind, e.trace, invocation)
    return make_error(str(e), type(e).__name__, frames(e.__traceback__), invocation)


def make_error(message, kind, trace, invocation):
    return {"errorMessage": message or "", "errorType": kind, "requestId": invocation or "", "stackTrace": trace or []}


def log_error(error):
    if json_logs():
        now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        write_line(encoder.encode(dict({"timestamp": now, "level": "ERROR"}, **error)))
        return
    lines = ["[ERROR] %s: %s" % (error["errorType"], error["errorMessage"]) if error["errorMessage"]
             else "[ERROR] " + error["errorType"], "Traceback (most recent call last):"]
    for frame in error["stackTrace"]:
        for line in frame.splitlines():
            bare = line.lstrip(" ")
            lines.append(NBSP * (len(line) - len(bare)) + bare)
    write_line("\r".join(lines))


def write_line(text):
    """One log event: line ends inside it travel as carriage returns."""
    sys.stdout.write(text.replace("\n", "\r") + "\n")
    sys.stdout.flush()


# Logging is set up when something imports it.

def json_logs():
    return os.environ.get("AWS_LAMBDA_LOG_FORMAT", "").upper() == "JSON"


def set_up_logging(logging):
    class Handler(logging.Handler):
        def emit(self, record):
            record.aws_request_id = request_id
            write_line(self.format(record))

    class JSONFormatter(logging.Formatter):
        def format(self, record):
            out = {
                "timestamp": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(record.created)),
                "level": record.levelname, "message": record.getMessage(), "logger": record.name,
                "requestId": request_id,
            }
            if record.exc_info:
                out["errorType"] = record.exc_info[0].__name__
                out["errorMessage"] = str(record.exc_info[1])
                out["stackTrace"] = frames(record.exc_info[2])
            return json.dumps({k: v for k, v in out.items() if v}, default=str)

    logging.Formatter.converter = time.gmtime
    handler = Handler()
    handler.setFormatter(JSONFormatter() if json_logs() else logging.Formatter(
        "[%(levelname)s]\t%(asctime)s.%(msecs)03dZ\t%(aws_request_id)s\t%(message)s", "%Y-%m-%dT%H:%M:%S"))
    root = logging.getLogger()
    level = os.environ.get("AWS_LAMBDA_LOG_LEVEL", "").upper()
    level = {"TRACE": "DEBUG", "FATAL": "CRITICAL"}.get(level, level)
    if level in ("DEBUG", "INFO", "WARN", "WARNING", "ERROR", "CRITICAL"):
        root.setLevel(level)
    root.addHandler(handler)


def teach_endpoint(session):
    """AWS_ENDPOINT_URL for a botocore from before 1.31, which does not know it."""
    import botocore
    if tuple(int(n) for n in botocore.__version__.split(".")[:2]) >= (1, 31):
        return
    create_client = session.Session.create_client

    def create(self, service_name, *args, **kwargs):
        if kwargs.get("endpoint_url") is None and len(args) < 5:
            own = "AWS_ENDPOINT_URL_" + service_name.upper().replace("-", "_")
            kwargs["endpoint_url"] = os.environ.get(own) or os.environ.get("AWS_ENDPOINT_URL")
        return create_client(self, service_name, *args, **kwargs)

    session.Session.create_client = create


class ImportHook:
    """A finder that waits for the first import of a module, and then does something to it."""

    def __init__(self, name, then):
        self.name, self.then = name, then

    def find_spec(self, name, path=None, target=None):
        if name != self.name:
            return None
        sys.meta_path.remove(self)
        import importlib.util
        spec = importlib.util.find_spec(name)
        if spec is None or spec.loader is None:
            return spec
        load = spec.loader.exec_module

        def exec_module(module):
            load(module)
            self.then(module)

        spec.loader.exec_module = exec_module
        return spec


def watch_imports():
    for name, then in (("logging", set_up_logging), ("botocore.session", teach_endpoint)):
        if name in sys.modules:
            then(sys.modules[name])
        else:
            sys.meta_path.insert(0, ImportHook(name, then))


# The function.

def load(handler):
    try:
        module_name, function = handler.rsplit(".", 1)
    except ValueError as e:
        raise Fault("MalformedHandlerName", "Bad handler '%s': %s" % (handler, e))
    if module_name.split(".")[0] in sys.builtin_module_names:
        raise Fault("BuiltInModuleConflict", "Cannot use built-in module %s as a handler module" % module_name)
    try:
        import importlib
        module = importlib.import_module(module_name.replace("/", "."))
    except ImportError as e:
        raise Fault("ImportModuleError", "Unable to import module '%s': %s" % (module_name, e))
    except SyntaxError as e:
        raise Fault("UserCodeSyntaxError", "Syntax error in module '%s': %s" % (module_name, e),
                    ['  File "%s" Line %s\n    %s' % (e.filename, e.lineno, e.text)])
    try:
        return getattr(module, function)
    except AttributeError:
        raise Fault("HandlerNotFound", "Handler '%s' missing on module '%s'" % (function, module_name))


def builtin_commands():
    """exit and its like, which the interpreter was told not to load."""
    import builtins
    import _sitebuiltins
    if not hasattr(builtins, "exit"):
        builtins.exit = _sitebuiltins.Quitter("exit", "Ctrl-D (i.e. EOF)")
        builtins.quit = _sitebuiltins.Quitter("quit", "Ctrl-D (i.e. EOF)")
        builtins.help = _sitebuiltins._Helper()


def sdk_path(plain):
    version = "python%d.%d" % sys.version_info[:2]
    return [p for p in ("/var/runtime/sdk", "/usr/local/lib/%s/dist-packages" % version, "/usr/lib/python3/dist-packages")
            if p not in plain and os.path.isdir(p)]


def set_up_path():
    version = "python%d.%d" % sys.version_info[:2]
    opt = ["/opt/python/lib/%s/site-packages" % version, "/opt/python"]
    given = [p for p in os.environ.get("PYTHONPATH", "").split(":") if p]
    here = os.path.dirname(os.path.abspath(__file__))
    plain = [p for p in sys.path if p not in given and p != here]
    sys.path[:] = [os.environ["LAMBDA_TASK_ROOT"]] + opt + given + plain + sdk_path(plain)


def set_up():
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(encoding="utf-8", errors="backslashreplace", line_buffering=True)
    set_up_path()
    builtin_commands()
    watch_imports()


def fail_init(client, e):
    error = described(e, None)
    log_error(error)
    client.post(API + "init/error", encoder.encode(error).encode("utf-8", "replace"), "application/json",
                "Lambda-Runtime-Function-Error-Type: %s\r\n" % error["errorType"])
    sys.exit(1)


def handle(client, handler, headers, body):
    global request_id
    invocation = request_id = headers["lambda-runtime-aws-request-id"]
    if headers.get("lambda-runtime-trace-id"):
        os.environ["_X_AMZN_TRACE_ID"] = headers["lambda-runtime-trace-id"]
    else:
        os.environ.pop("_X_AMZN_TRACE_ID", None)
    try:
        context = LambdaContext(headers)
        try:
            event = json.loads(body)
        except Exception as e:
            raise Fault("UnmarshalError", "Unable to unmarshal input: %s" % e)
        result, content_type = marshalled(handler(event, context))
    except Exception as e:
        error = described(e, invocation)
        log_error(error)
        client.post(API + "invocation/%s/error" % invocation, encoder.encode(error).encode("utf-8", "replace"),
                    "application/json", "Lambda-Runtime-Function-Error-Type: %s\r\n" % error["errorType"])
        return
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
    client.post(API + "invocation/%s/response" % invocation, result, content_type)


# Booted ahead: nothing of the function is here yet.

def wait_for_work(preload):
    """Says on file 3 that it waits, and reads there a directory and an environment.

    They come whole, when the other end is closed; nothing comes when there will
    be no work.
    """
    own = set(sys.modules)
    import importlib
    path = sys.path[:]
    sys.path += sdk_path(path)
    for name in preload:
        importlib.import_module(name)
    sys.path[:] = path
    os.write(3, b"1")
    parts = []
    while True:
        part = os.read(3, 65536)
        if not part:
            break
        parts.append(part)
    os.close(3)
    directory, *environment = b"".join(parts).split(b"\0")
    if not directory:
        os._exit(0)
    os.environ.clear()
    for variable in environment[:-1]:
        name, _, value = os.fsdecode(variable).partition("=")
        os.environ[name] = value
    os.chdir(directory)
    time.tzset()
    del sys.argv[1:]
    if overrides(set(sys.modules) - own):
        options = ["-S"] if sys.flags.no_site else []
        os.execve(sys.executable, [sys.executable, *options, __file__], os.environ)


def overrides(modules):
    """Whether the function brings a module of its own for one of those."""
    names = {name.partition(".")[0] for name in modules}
    opt = "/opt/python"
    for directory in (os.environ["LAMBDA_TASK_ROOT"], opt, opt + "/lib/python%d.%d/site-packages" % sys.version_info[:2]):
        try:
            here = os.listdir(directory)
        except OSError:
            continue
        if any(entry.partition(".")[0] in names for entry in here):
            return True
    return False


def main():
    if sys.argv[1:2] == ["wait"]:
        wait_for_work(sys.argv[2:])
    set_up()
    client = Client(os.environ["AWS_LAMBDA_RUNTIME_API"])
    try:
        handler = load(os.environ["_HANDLER"])
    except Exception as e:
        fail_init(client, e)
    while True:
        status, headers, body = client.get(API + "invocation/next")
        if status != 200:
            sys.exit(1)
        handle(client, handler, headers, body)


if __name__ == "__main__":
    sys.modules["bootstrap"] = sys.modules["__main__"]
    main()
