import { rubyLibrary } from './ruby-library.ts';
import type { LanguageFiles } from './language-files.ts';

/**
 * Speaks LINES.md for a Ruby handler: loads it once, then a line in, a call, a line out. The real descriptors 0 and 1
 * are its own; what the author prints goes to standard error, line by line, with its level.
 */
const bootstrap = String.raw`# frozen_string_literal: true

require 'json'
require 'stringio'

module IsletRuntime
  HOME = '/app'
  OWN = "#{HOME}/.islet/"
  MARK = "\u0001".b
  PIECE = 15 * 1024
  MOST_RESULT = 6 * 1024 * 1024
  MOST_TEXT = 32 * 1024
  MOST_FRAMES = 100
  REQUESTS = STDIN
  ANSWERS = IO.for_fd(1, 'wb', autoclose: false)
  ERRORS = IO.for_fd(2, 'wb', autoclose: false)
  REQUESTS.binmode
  ANSWERS.sync = true
  ERRORS.sync = true

  # Standard output and error as the author has them: whole lines, each with the level in front.
  class Log < StringIO
    def initialize(level)
      super(+'')
      @level = (MARK + level).freeze
      @partial = ''.b
    end

    def write(*parts)
      parts.sum do |part|
        text = part.to_s
        @partial << text.b
        emit(@partial.slice!(0..@partial.index("\n"))) while @partial.include?("\n")
        @partial = piece(@partial) while @partial.bytesize > PIECE
        text.bytesize
      end
    end
    alias syswrite write
    alias write_nonblock write

    def <<(part)
      write(part)
      self
    end

    def fileno = @level.end_with?('l') ? 1 : 2
    def sync = true
    def close = nil
    def string = ''

    def finish
      return if @partial.empty?
      line = @partial
      @partial = ''.b
      emit(line)
    end

    private

    def emit(line)
      line = piece(line) while line.bytesize > PIECE
      ERRORS.write(@level + line.chomp("\n") + "\n")
    end

    def piece(line)
      last = PIECE
      last -= 1 while last > PIECE - 4 && line.getbyte(last) & 0xC0 == 0x80
      ERRORS.write(@level + line.byteslice(0, last) + "\n")
      line.byteslice(last..)
    end
  end

  # What Lambda's Ruby runtime hands a handler as context.
  class Context
    attr_reader :aws_request_id, :function_name, :function_version, :invoked_function_arn, :memory_limit_in_mb,
                :log_group_name, :log_stream_name, :deadline_ms, :identity, :client_context

    def initialize(given)
      @aws_request_id = given['awsRequestId']
      @function_name = given['functionName']
      @function_version = given['functionVersion']
      @invoked_function_arn = given['invokedFunctionArn']
      @memory_limit_in_mb = given['memoryLimitInMB']
      @log_group_name = given['logGroupName']
      @log_stream_name = given['logStreamName']
      @deadline_ms = given['deadlineMs']
      @client_context = given['clientContext']
    end

    def get_remaining_time_in_millis
      [@deadline_ms.to_i - (Time.now.to_f * 1000).to_i, 0].max
    end
  end

  # The standard library's gems are not on the load path: RubyGems, which puts them there, triples a start.
  module Gems
    private

    def require(path)
      super
    rescue LoadError => error
      raise unless error.path == path && IsletRuntime.add_gems
      super
    end
  end

  class << self
    attr_reader :call, :kinds

    def send_line(line)
      ANSWERS.write(line.b << "\n")
    end

    def receive
      REQUESTS.gets
    end

    def add_gems
      return false if @gems
      @gems = true
      vendored = Dir.glob("#{HOME}/vendor/bundle/ruby/*/gems/*/lib")
      $LOAD_PATH.concat(vendored, Dir.glob('/usr/local/lib/ruby/gems/*/gems/*/lib'))
      true
    end

    def describe(error)
      error.message.to_s.byteslice(0, MOST_TEXT).force_encoding('UTF-8').scrub
    rescue StandardError
      'an error that cannot be shown'
    end

    def stack(error)
      lines = (error.backtrace || []).reject { |line| line.start_with?(OWN) || line.start_with?('-e:', 'eval:') }
      lines.first(MOST_FRAMES).map { |line| line.byteslice(0, 1024).force_encoding('UTF-8').scrub }
    end

    def failure(name, message, lines, phase = 'handler')
      JSON.generate({ error: { name:, message:, stack: lines.join("\n"), phase: } })
    end

    def to_failure(error)
      if error.is_a?(SystemExit)
        return failure('Runtime.ExitError', "Runtime exited with error: exit status #{error.status}", stack(error))
      end
      name = "Function<#{error.class}>"
      message = describe(error)
      failure(name, message, ["#{name}: #{message}", *stack(error).map { |line| "    #{line}" }])
    end

    def to_answer(result)
      text = JSON.generate(result)
      return %({"result":#{text}}) if text.bytesize <= MOST_RESULT
      message = "Response payload size (#{text.bytesize} bytes) exceeded maximum allowed payload size (#{MOST_RESULT} bytes)."
      failure('Function.ResponseSizeTooLarge', message, [], 'result')
    rescue Exception => error
      failure('Runtime.MarshalError', "Unable to marshal response: #{describe(error)}", [], 'result')
    end

    def give_up(name, message, lines = [])
      ERRORS.write([*lines, "#{name}: #{message}"].join("\n").b << "\n")
      Process.exit!(1)
    end

    def load_handler(handler)
      file, *path, name = handler.split('.')
      receiver = path.empty? ? nil : path.join('::')
      require "#{HOME}/#{file}"
      target = receiver.nil? ? TOPLEVEL_BINDING.receiver : Object.const_get(receiver)
      return target.method(name) if target.respond_to?(name, true)
      give_up('Runtime.HandlerNotFound', "Handler '#{name}' missing in '#{file}.rb'")
    rescue Exception => error
      message = describe(error)
      give_up("Init<#{error.class}>", message.lines.first.to_s.chomp, [message, *stack(error)])
    end

    def serve(handler)
      while (line = receive)
        send_line(answer(handler, line))
      end
    end

    def answer(handler, line)
      begin
        @call = JSON.parse(line)
      rescue JSON::ParserError, SystemStackError => error
        return failure('Runtime.UnmarshalError', "Unable to unmarshal input: #{describe(error)}", [])
      end
      @kinds = @call['env']
      result = handler.call(event: @call['event'], context: Context.new(@call['context']))
      to_answer(result)
    rescue Exception => error
      to_failure(error)
    ensure
      @output.finish
      @errors.finish
      @call = nil
    end

    def main
      handler = File.read("#{OWN}handler")
      $stdin = StringIO.new
      @output = $stdout = Log.new('l')
      @errors = $stderr = Log.new('e')
      Object.send(:remove_const, :STDIN)
      Object.const_set(:STDIN, $stdin)
      Object.send(:remove_const, :STDOUT)
      Object.const_set(:STDOUT, @output)
      Object.send(:remove_const, :STDERR)
      Object.const_set(:STDERR, @errors)
      Object.autoload(:Islet, "#{OWN}islet.rb")
      $LOAD_PATH.unshift(HOME)
      $LOAD_PATH.push(OWN.chomp('/'))
      Object.prepend(Gems)
      ENV['LAMBDA_TASK_ROOT'] ||= HOME
      ENV['_HANDLER'] ||= handler
      begin
        Dir.chdir(HOME)
      rescue SystemCallError
        nil
      end
      found = load_handler(handler)
      @output.finish
      @errors.finish
      serve(found)
      Process.exit!(0)
    end
  end
end

IsletRuntime.main
`;

export const rubyFiles: LanguageFiles = { 'bootstrap.rb': bootstrap, 'islet.rb': rubyLibrary };
