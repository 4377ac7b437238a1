/** Ruby's module `Islet`: `env`, `fetch` and `Error`, over the operations of LINES.md. Loaded when it is first named. */
export const rubyLibrary: string = String.raw`# frozen_string_literal: true

require 'json'

# What islet gives a function: its bindings and variables (Islet.env), and HTTP (Islet.fetch).
module Islet
  MOST_BODY = 6_000_000

  # A binding refused or failed. code is permanent, e.g. "ERR_KV_KEY", or nil.
  class Error < StandardError
    attr_reader :kind, :code

    def initialize(message, kind = 'Error', code = nil)
      super(message)
      @kind = kind
      @code = code
    end
  end

  # A value with what is stored beside it; all nil when there is none.
  Value = Struct.new(:value, :metadata, :version)

  # env.NAME of any kind: call(method, args) sends JSON and gives JSON.
  class Binding
    def initialize(name)
      @name = name
    end

    def call(method, args = nil)
      Islet.operate(@name, method, args).first
    end
  end

  # env.NAME of kind kv. Keys and values are strings.
  class Kv < Binding
    # The value as :text, :json or :bytes; nil when there is none.
    def get(key, type: :text)
      get_with_metadata(key, type: type).value
    end

    def get_with_metadata(key, type: :text)
      head, data = Islet.operate(@name, 'get', { key: key.to_s })
      return Value.new(nil, nil, nil) if head.nil?
      Value.new(decode(data || ''.b, type.to_sym), head['metadata'], head['version'])
    end

    # Stores a value; gives its version. With if_version: or if_absent: nil when that does not hold.
    def put(key, value, metadata: nil, expiration: nil, expiration_ttl: nil, **condition)
      raise TypeError, "KV put takes a String, not #{value.class}" unless value.is_a?(String)
      unknown = condition.keys - %i[if_version if_absent]
      raise ArgumentError, "unknown keyword: #{unknown.first.inspect}" unless unknown.empty?
      args = { key: key.to_s, metadata:, expiration:, expirationTtl: expiration_ttl }.compact
      args[:ifVersion] = condition[:if_version] if condition.key?(:if_version)
      args[:ifAbsent] = condition[:if_absent] if condition.key?(:if_absent)
      answer, = Islet.operate(@name, 'put', args, value)
      answer['version'] if answer.is_a?(Hash) && answer['ok']
    end

    def delete(key)
      call('delete', { key: key.to_s })
      nil
    end

    # A Hash: keys ([{name, expiration?, metadata?}]), list_complete, and cursor where there is more.
    def list(prefix: nil, limit: nil, cursor: nil)
      call('list', { prefix:, limit:, cursor: }.compact)
    end

    # Adds to a counter, atomically; gives the sum.
    def increment(key, delta = 1)
      call('increment', { key: key.to_s, delta: })['value']
    end

    private

    def decode(data, type)
      case type
      when :bytes then data
      when :text then data.force_encoding('UTF-8')
      when :json then JSON.parse(data.force_encoding('UTF-8'))
      else raise ArgumentError, "KV type is #{type.inspect}; use :text, :json or :bytes"
      end
    end
  end

  # env.NAME of kind assets: static files of this version.
  class Assets < Binding
    # As Islet.fetch; a path alone will do. A redirect is given back, not followed.
    def fetch(url, **options)
      url = "http://localhost#{url}" if url.start_with?('/')
      Islet.fetch_from(@name, url, **options)
    end
  end

  # env.NAME of kind function: another function, without HTTP.
  class Service < Assets
    # What its event handler returns; raises Error with the name, message and code of what it raised.
    def call(event = nil) = Islet.operate(@name, 'call', { event: }).first['value']
  end

  KINDS = { 'kv' => Kv, 'function' => Service, 'assets' => Assets }.freeze

  # env.NAME or env['NAME']: a binding, or a variable as String.
  class Env
    def [](name)
      name = name.to_s
      kinds = IsletRuntime.kinds
      # While the file is loaded nobody has said yet which bindings there are.
      return ENV[name] || Kv.new(name) if kinds.nil?
      return KINDS.fetch(kinds[name], Binding).new(name) if kinds.key?(name)
      ENV[name]
    end

    def key?(name) = ENV.key?(name.to_s) || (IsletRuntime.kinds || {}).key?(name.to_s)

    def respond_to_missing?(name, include_all = false) = key?(name) || super

    def method_missing(name, *args)
      found = args.empty? ? self[name] : nil
      found.nil? ? super : found
    end
  end

  # An answer to fetch. body is a binary String; headers a Hash with names in lower case.
  class Response
    attr_reader :status, :reason, :url, :headers, :body

    def initialize(head, body)
      @status = head['status']
      @reason = head['statusText']
      @url = head['url']
      @body = body
      @headers = {}
      head['headers'].each_slice(2) do |name, value|
        @headers[name] = @headers.key?(name) ? "#{@headers[name]}, #{value}" : value
      end
    end

    def ok? = status.between?(200, 299)
    def text = body.dup.force_encoding('UTF-8')
    def json = JSON.parse(text)
  end

  @env = Env.new

  class << self
    attr_reader :env

    # An HTTP request through the host. body: a String; json: any JSON value instead.
    def fetch(url, redirect: 'follow', **options)
      fetch_from('', url, redirect: redirect.to_s, **options)
    end

    def fetch_from(binding, url, method: 'GET', headers: {}, body: nil, json: nil, **more)
      pairs = headers.map { |name, value| [name.to_s, value.to_s] }
      unless json.nil?
        body = JSON.generate(json)
        typed = pairs.any? { |name, _| name.casecmp?('content-type') }
        pairs << ['content-type', 'application/json'] unless typed
      end
      args = { url: url.to_s, method: method.to_s.upcase, headers: pairs.flatten, **more }
      head, data = operate(binding, 'fetch', args, body)
      Response.new(head, data || ''.b)
    end

    # One operation on a binding: its value, and its bytes where it has some.
    def operate(binding, method, args, body = nil)
      if IsletRuntime.call.nil?
        raise Error, 'Bindings and fetch work while the handler runs, not while the file is loaded'
      end
      operation = [binding, method, args]
      unless body.nil?
        if body.bytesize > MOST_BODY
          raise Error.new("Cannot send #{body.bytesize} bytes: at most #{MOST_BODY} go at once", 'RangeError')
        end
        operation << [body.b].pack('m0')
      end
      IsletRuntime.send_line(JSON.generate({ op: operation }))
      answer = JSON.parse(IsletRuntime.receive)
      failed = answer['failed']
      raise Error.new(failed['message'], failed['name'], failed['code']) unless failed.nil?
      [answer['ok'], answer['bytes']&.unpack1('m0')]
    end
  end
end
`;
