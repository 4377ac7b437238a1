import { pythonLibrary } from './python-library.ts';
import type { LanguageFiles } from './language-files.ts';

/**
 * Speaks LINES.md for a Python handler: imports it once, then a line in, a call, a line out. The real descriptors 0 and 1
 * are its own; what the author prints goes to standard error, line by line, with its level.
 */
const bootstrap = String.raw`
import builtins
import io
import json
import os
import sys

HOME = '/app'
MARK = b'\x01'
PIECE = 15 * 1024
MOST_RESULT = 6 * 1024 * 1024
MOST_TEXT = 32 * 1024

requests = sys.stdin.detach()
answers = io.FileIO(1, 'w', closefd=False)
errors = io.FileIO(2, 'w', closefd=False)
call = None
kinds = None


def write_all(file, data):
    view = memoryview(data)
    while view:
        view = view[file.write(view):]


def send(line):
    write_all(answers, (line + '\n').encode('utf-8', 'backslashreplace'))


def receive():
    return requests.readline()


class LogBytes(io.BufferedIOBase):
    """Standard output and error as the author has them: whole lines, each with the level in front."""

    def __init__(self, level):
        self.level = MARK + level
        self.partial = b''

    def writable(self):
        return True

    def write(self, data):
        data = bytes(data)
        lines = (self.partial + data).split(b'\n')
        self.partial = lines.pop()
        for line in lines:
            self.emit(line)
        while len(self.partial) > PIECE:
            self.partial = self.emit_piece(self.partial)
        return len(data)

    def emit(self, line):
        while len(line) > PIECE:
            line = self.emit_piece(line)
        write_all(errors, self.level + line + b'\n')

    def emit_piece(self, line):
        end = PIECE
        while end > PIECE - 4 and line[end] & 0xC0 == 0x80:
            end -= 1
        write_all(errors, self.level + line[:end] + b'\n')
        return line[end:]

    def finish(self):
        if self.partial:
            line, self.partial = self.partial, b''
            self.emit(line)


printed = LogBytes(b'l')
warned = LogBytes(b'e')


def log_stream(log):
    return io.TextIOWrapper(log, encoding='utf-8', errors='backslashreplace', write_through=True)


def finish_logs():
    printed.finish()
    warned.finish()


def prepare_logging():
    logging = sys.modules.get('logging')
    if logging is None or not hasattr(logging, 'root') or prepare_logging.done:
        return
    prepare_logging.done = True
    if logging.root.handlers:
        return

    class LambdaHandler(logging.Handler):
        terminator = '\n'

        def emit(self, record):
            record.aws_request_id = '' if call is None else call['context']['awsRequestId']
            number = record.levelno
            level = b'e' if number >= 40 else b'w' if number >= 30 else b'i' if number >= 20 else b'd'
            target = LogBytes(level)
            target.write((self.format(record) + '\n').encode('utf-8', 'backslashreplace'))

    handler = LambdaHandler()
    text = '[%(levelname)s]\t%(asctime)s.%(msecs)dZ\t%(aws_request_id)s\t%(message)s'
    formatter = logging.Formatter(text, '%Y-%m-%dT%H:%M:%S')
    formatter.converter = __import__('time').gmtime
    handler.setFormatter(formatter)
    logging.root.addHandler(handler)


prepare_logging.done = False


class Context:
    """What Lambda's Python runtime hands a handler as its second argument."""

    def __init__(self, given):
        self.aws_request_id = given['awsRequestId']
        self.log_group_name = given['logGroupName']
        self.log_stream_name = given['logStreamName']
        self.function_name = given['functionName']
        self.function_version = given['functionVersion']
        self.memory_limit_in_mb = given['memoryLimitInMB']
        self.invoked_function_arn = given['invokedFunctionArn']
        self.client_context = client_context(given.get('clientContext'))
        self.identity = Record(cognito_identity_id=None, cognito_identity_pool_id=None)
        self._epoch_deadline_time_in_ms = given['deadlineMs']

    def get_remaining_time_in_millis(self):
        from time import time
        return max(0, int(self._epoch_deadline_time_in_ms - time() * 1000))

    def log(self, message):
        sys.stdout.write(str(message))

    def __repr__(self):
        return 'LambdaContext(' + repr(vars(self)) + ')'


class Record:
    def __init__(self, **fields):
        self.__dict__.update(fields)

    def __repr__(self):
        return 'Record(' + repr(self.__dict__) + ')'


def client_context(given):
    if not isinstance(given, dict):
        return None
    names = ('installation_id', 'app_title', 'app_version_name', 'app_version_code', 'app_package_name')
    client = given.get('client')
    known = None if client is None else Record(**{name: client.get(name) for name in names})
    return Record(custom=given.get('custom'), env=given.get('env'), client=known)


def describe(error):
    try:
        return str(error)[:MOST_TEXT]
    except BaseException:
        return 'an error that cannot be shown'


def traceback_of(error):
    import traceback
    tb = error.__traceback__
    while tb is not None and not is_authors(tb.tb_frame.f_code.co_filename):
        tb = tb.tb_next
    text = ''.join(traceback.format_exception(type(error), error, tb))
    return text if len(text) <= MOST_TEXT else text[:MOST_TEXT // 2] + '\n…\n' + text[-MOST_TEXT // 2:]


def is_authors(file):
    return file.startswith(HOME + '/') and not file.startswith(HOME + '/.islet/')


def failure(name, message, stack, phase='handler'):
    return json.dumps({'error': {'name': name, 'message': message, 'stack': stack, 'phase': phase}})


def to_failure(error):
    if isinstance(error, SystemExit):
        status = error.code if isinstance(error.code, int) else 0 if error.code is None else 1
        return failure('Runtime.ExitError', 'Runtime exited with error: exit status %d' % status, traceback_of(error))
    return failure(type(error).__name__, describe(error), traceback_of(error))


def simplify(value):
    kind = type(value)
    if kind.__name__ == 'Decimal' and kind.__module__ in ('decimal', '_pydecimal'):
        return float(value)
    raise TypeError('Object of type %s is not JSON serializable' % kind.__name__)


def to_answer(result):
    try:
        text = json.dumps(result, default=simplify, allow_nan=False, separators=(',', ':'))
    except BaseException as error:
        return failure('Runtime.MarshalError', 'Unable to marshal response: ' + describe(error), '', 'result')
    if len(text) > MOST_RESULT:
        message = 'Response payload size (%d bytes) exceeded maximum allowed payload size (%d bytes).'
        return failure('Function.ResponseSizeTooLarge', message % (len(text), MOST_RESULT), '', 'result')
    return '{"result":' + text + '}'


def give_up(name, message, error=None):
    if error is not None:
        text = traceback_of(error)
        write_all(errors, text.encode('utf-8', 'backslashreplace'))
    if name is not None:
        write_all(errors, (name + ': ' + message + '\n').encode('utf-8', 'backslashreplace'))
    os._exit(1)


def load(handler):
    module_name, _, function = handler.replace('/', '.').rpartition('.')
    try:
        __import__(module_name)
    except SyntaxError as error:
        message = "Syntax error in module '%s': %s" % (module_name, describe(error))
        give_up('Runtime.UserCodeSyntaxError', message, error)
    except ImportError as error:
        message = "Unable to import module '%s': %s" % (module_name, describe(error))
        give_up('Runtime.ImportModuleError', message, error)
    except SystemExit as error:
        give_up('Runtime.ExitError', 'The module ended the process: exit status %s' % error.code, error)
    except BaseException as error:
        give_up(None, '', error)
    found = getattr(sys.modules[module_name], function, None)
    if not callable(found):
        give_up('Runtime.HandlerNotFound', "Handler '%s' missing on module '%s'" % (function, module_name))
    return found


def answer_to(handler, line):
    global call, kinds
    try:
        call = json.loads(line)
    except RecursionError as error:
        return failure('Runtime.UnmarshalError', 'Unable to unmarshal input: ' + describe(error), '')
    kinds = call['env']
    prepare_logging()
    try:
        result = handler(call['event'], Context(call['context']))
    except BaseException as error:
        return to_failure(error)
    return to_answer(result)


def serve(handler):
    global call
    while True:
        line = receive()
        if not line:
            return
        answer = answer_to(handler, line)
        finish_logs()
        call = None
        send(answer)


def main():
    with open(HOME + '/.islet/handler') as file:
        handler = file.read()
    sys.stdin = sys.__stdin__ = io.StringIO()
    sys.stdout = sys.__stdout__ = log_stream(printed)
    sys.stderr = sys.__stderr__ = log_stream(warned)
    builtins.exit = builtins.quit = sys.exit
    sys.path[:0] = [HOME]
    sys.path.append(HOME + '/.islet')
    sys.argv = ['']
    os.environ.setdefault('LAMBDA_TASK_ROOT', HOME)
    os.environ.setdefault('_HANDLER', handler)
    try:
        os.chdir(HOME)
    except OSError:
        pass
    found = load(handler)
    prepare_logging()
    finish_logs()
    serve(found)


main()
os._exit(0)
`;

export const pythonFiles: LanguageFiles = { 'bootstrap.py': bootstrap, 'islet.py': pythonLibrary };
