/** Python's module `islet`: `env`, `fetch` and `Error`, over the operations of LINES.md. Loaded when it is imported. */
export const pythonLibrary: string = String.raw`"""What islet gives a function: its bindings and variables (env), and HTTP (fetch)."""
import binascii
import json as _json
import os
import sys

__all__ = ['Error', 'Response', 'env', 'fetch']

_runtime = sys.modules['__main__']
_MOST_BODY = 6_000_000


class Error(Exception):
    """A binding refused or failed. code is permanent, e.g. "ERR_KV_KEY", or None."""

    def __init__(self, message, name='Error', code=None):
        super().__init__(message)
        self.name = name
        self.code = code


class _Mistake(Error, TypeError):
    """Arguments of the wrong type: a TypeError, as in every other language."""


_Mistake.__name__ = _Mistake.__qualname__ = 'TypeError'


def _call(binding, method, args, body=None):
    if _runtime.call is None:
        raise Error('Bindings and fetch work while the handler runs, not while the module is loaded')
    operation = [binding, method, args]
    if body is not None:
        if len(body) > _MOST_BODY:
            raise Error('Cannot send %d bytes: at most %d go at once' % (len(body), _MOST_BODY), 'RangeError')
        operation.append(binascii.b2a_base64(body, newline=False).decode('ascii'))
    _runtime.send(_json.dumps({'op': operation}))
    answer = _json.loads(_runtime.receive())
    failed = answer.get('failed')
    if failed is not None:
        kind = _Mistake if failed.get('name') == 'TypeError' else Error
        raise kind(failed.get('message', 'The operation failed'), failed.get('name', 'Error'), failed.get('code'))
    data = answer.get('bytes')
    return answer['ok'], None if data is None else binascii.a2b_base64(data)


def _to_bytes(value, what):
    if isinstance(value, str):
        return value.encode('utf-8')
    if isinstance(value, (bytes, bytearray, memoryview)):
        return bytes(value)
    raise TypeError('%s takes str or bytes, not %s' % (what, type(value).__name__))


def _from_bytes(data, type):
    if type == 'bytes':
        return data
    if type == 'text':
        return data.decode('utf-8', 'replace')
    if type == 'json':
        return _json.loads(data)
    raise ValueError('KV type is %r; use "text", "json" or "bytes"' % (type,))


class Value:
    """A value with what is stored beside it."""

    def __init__(self, value, metadata, version):
        self.value = value
        self.metadata = metadata
        self.version = version

    def __repr__(self):
        return 'Value(value=%r, metadata=%r, version=%r)' % (self.value, self.metadata, self.version)


class Binding:
    """env.NAME of any kind: call(method, args) sends JSON and gives JSON."""

    def __init__(self, name):
        self._name = name

    def __repr__(self):
        return '<%s %s>' % (type(self).__name__, self._name)

    def call(self, method, args=None):
        return _call(self._name, method, args)[0]


class Kv(Binding):
    """env.NAME of kind kv. Keys are str; values str or bytes."""

    def get(self, key, type='text'):
        """The value as "text", "json" or "bytes"; None when there is none."""
        return self.get_with_metadata(key, type).value

    def get_with_metadata(self, key, type='text'):
        """A Value with value, metadata and version; all None when there is none."""
        head, data = _call(self._name, 'get', {'key': key})
        if head is None:
            return Value(None, None, None)
        return Value(_from_bytes(data or b'', type), head.get('metadata'), head.get('version'))

    def put(self, key, value, *, metadata=None, expiration=None, expiration_ttl=None, **condition):
        """Stores a value; gives its version. With if_version=… or if_absent=True: None when that does not hold."""
        given = {'metadata': metadata, 'expiration': expiration, 'expirationTtl': expiration_ttl}
        args = {name: option for name, option in given.items() if option is not None}
        names = {'if_version': 'ifVersion', 'if_absent': 'ifAbsent'}
        for name, option in condition.items():
            if name not in names:
                raise TypeError('put() got an unexpected keyword argument %r' % name)
            args[names[name]] = option
        answer, _ = _call(self._name, 'put', {'key': key, **args}, _to_bytes(value, 'KV put()'))
        return answer.get('version') if isinstance(answer, dict) and answer.get('ok') else None

    def delete(self, key):
        _call(self._name, 'delete', {'key': key})

    def list(self, prefix=None, limit=None, cursor=None):
        """A dict: keys ([{name, expiration?, metadata?}]), list_complete, and cursor where there is more."""
        given = {'prefix': prefix, 'limit': limit, 'cursor': cursor}
        return self.call('list', {name: option for name, option in given.items() if option is not None})

    def increment(self, key, delta=1):
        """Adds to a counter, atomically; gives the sum."""
        return self.call('increment', {'key': key, 'delta': delta})['value']


class Assets(Binding):
    """env.NAME of kind assets: static files of this version."""

    def fetch(self, url, method='GET', headers=None, body=None, json=None):
        """As fetch of this module; a path alone will do. A redirect is given back, not followed."""
        url = 'http://localhost' + url if url.startswith('/') else url
        return _fetch(self._name, url, method=method, headers=headers, body=body, json=json)


class Service(Assets):
    """env.NAME of kind function: another function, without HTTP."""

    def call(self, event=None):
        """What its event handler returns; raises Error with the name, message and code of what it raised."""
        return _call(self._name, 'call', {'event': event})[0]['value']


_kinds = {'kv': Kv, 'function': Service, 'assets': Assets}


class Env:
    """env.NAME or env["NAME"]: a binding, or a variable as str."""

    def __getattr__(self, name):
        try:
            return self[name]
        except KeyError as error:
            raise AttributeError('There is no binding and no variable %r' % name) from error

    def __getitem__(self, name):
        kinds = _runtime.kinds
        if kinds is None:
            # While the module is loaded nobody has said yet which bindings there are.
            if name in os.environ:
                return os.environ[name]
            if name.startswith('_'):
                raise KeyError(name)
            return Kv(name)
        if name in kinds:
            return _kinds.get(kinds[name], Binding)(name)
        return os.environ[name]

    def __contains__(self, name):
        return name in os.environ or name in (_runtime.kinds or {})

    def get(self, name, default=None):
        return self[name] if name in self else default


env = Env()


class Response:
    """An answer to fetch. body is bytes; headers a dict with names in lower case."""

    def __init__(self, head, body):
        self.status = head['status']
        self.reason = head.get('statusText', '')
        self.url = head.get('url', '')
        self.redirected = head.get('redirected', False)
        self.header_list = list(zip(head['headers'][0::2], head['headers'][1::2]))
        self.headers = {}
        for name, value in self.header_list:
            self.headers[name] = self.headers[name] + ', ' + value if name in self.headers else value
        self.body = body

    @property
    def ok(self):
        return 200 <= self.status < 300

    @property
    def text(self):
        return self.body.decode('utf-8', 'replace')

    def json(self):
        return _json.loads(self.body)

    def __repr__(self):
        return '<Response %d %s>' % (self.status, self.url)


def _fetch(binding, url, method='GET', headers=None, body=None, json=None, **options):
    pairs = list(headers.items() if isinstance(headers, dict) else headers or [])
    if json is not None:
        body = _json.dumps(json)
        if not any(name.lower() == 'content-type' for name, _ in pairs):
            pairs.append(('content-type', 'application/json'))
    flat = [str(part) for pair in pairs for part in pair]
    args = {'url': url, 'method': method, 'headers': flat, **options}
    head, data = _call(binding, 'fetch', args, None if body is None else _to_bytes(body, 'fetch()'))
    return Response(head, data or b'')


def fetch(url, method='GET', headers=None, body=None, json=None, redirect='follow'):
    """An HTTP request through the host. headers: dict or pairs; body: str or bytes; json: any JSON value instead."""
    return _fetch('', url, method=method, headers=headers, body=body, json=json, redirect=redirect)
`;
