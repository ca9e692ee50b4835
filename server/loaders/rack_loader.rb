# SPDX-License-Identifier: Apache-2.0
# frozen_string_literal: true

# rack_loader.rb - runs a Rack application (Rack 2 or 3) for the pool.
#
# What the pool expects of a loader (command line, report socket, requests,
# signals) is in the README beside this file. Ruby 2.7 or later, standard
# library only; Rack itself comes with the application: from its Gemfile where
# the root has one, else from the installed gems.
#
# Fork hook (smart spawning), for config.ru or what it loads. It runs in each
# new serving process before its first request:
#
#     Apppool.after_fork { |slot| Cache.reconnect } if defined?(Apppool)
#
# Passenger's name for it, which libraries know, works as well:
#
#     PhusionPassenger.on_event(:starting_worker_process) { |forked| ... }
#
# and so does :stopping_worker_process; hooks on Process._fork (Ruby 3.1) run,
# too. Random numbers are seeded anew without being asked. ActiveRecord (Rails
# 5.2 and later) drops inherited connections by itself. Threads, connections and
# files that loading left open are warned of in the log.
#
# How a request runs: each worker thread (--threads) takes from Waiter the next
# connection that has something to read, reads one Request from it, and Response
# sends what the application answers: three system calls with one thread. The
# main thread looks after signals and the pool's end only, so that a backtrace
# can be had whatever the application is doing.

module Apppool
  # What fits into one read; also up to where pieces are joined for one write.
  CHUNK = 65_536
  # A body up to this size is kept in memory, a larger one in a file.
  MAX_BODY_IN_MEMORY = 65_536
  # A header longer than this is a broken sender, not a large request.
  MAX_HEADER = 16 * 1024 * 1024
  # One packet on the report socket (README).
  MAX_PACKET = 8000
  # For a request that runs when the pool is gone; the pool gives as much.
  LAST_REQUEST_S = 5

  class << self
    # Registers what has to be done in each process forked from a preloader.
    def after_fork(&block)
      after_fork_hooks << block
    end

    def after_fork_hooks
      @after_fork_hooks ||= []
    end

    # In a new serving process: slot is nil in one that was not forked.
    def run_start_hooks(slot)
      after_fork_hooks.each { |hook| hook.call(slot) } if slot
      PhusionPassenger.call_event(:starting_worker_process, !slot.nil?)
    end

    # Writes to the log in one piece, whatever became of $stderr.
    def log(text)
      STDERR.write(text)
    rescue SystemCallError, IOError
      nil
    end

    # An exception as `Class: message`, its backtrace and its causes.
    def explain(error)
      lines = []
      while error
        lines << "#{error.class}: #{error.message}"
        lines.concat(foreign_frames(error).map { |frame| "    #{frame}" })
        error = error.cause
        lines << 'caused by' if error
      end
      lines.map { |line| line.b << "\n" }.join
    end

    # Where each thread is just now (SIGABRT).
    def log_threads
      text = +"rack_loader: backtraces of process #{Process.pid}\n"
      (Thread.list - [Thread.current]).each do |thread|
        text << "Thread #{thread.name || thread.inspect}:\n"
        (thread.backtrace || []).each { |frame| text << "    #{frame}\n" }
      end
      log(text)
    end

    private

    def foreign_frames(error)
      (error.backtrace || []).reject { |frame| frame.start_with?(__FILE__) }
    end
  end

  # --- The pool ---------------------------------------------------------------

  # The socket over which the pool hears how the start went. No `socket` before
  # Bundler has had its say: it would fix the versions of the gems it loads.
  class Report
    attr_reader :io

    def initialize(descriptor)
      @io = IO.for_fd(descriptor, 'r+b')
      @io.close_on_exec = true
      @io.sync = true
    end

    def ready(slot = nil)
      packet(slot ? "READY #{slot}" : 'READY')
    end

    def failed(slot, reason)
      packet("FAILED #{slot} #{reason}"[0, MAX_PACKET])
    end

    def error(text)
      step = MAX_PACKET - 'ERROR '.size
      text = text.b
      0.step(text.bytesize - 1, step) do |start|
        packet('ERROR '.b << text.byteslice(start, step))
      end
    end

    # The next message, nil when the pool is gone.
    def receive
      @io.readpartial(MAX_PACKET)
    rescue EOFError, Errno::ECONNRESET
      nil
    end

    # Whether the pool is gone. A message for the preloader is not for us, and
    # nothing but a look into the queue tells the two apart here.
    def hung_up?
      socket = BasicSocket.for_fd(@io.fileno)
      socket.autoclose = false
      found = socket.recv_nonblock(1, Socket::MSG_PEEK, exception: false)
      found.nil? || found == ''
    rescue Errno::ECONNRESET
      true
    end

    private

    def packet(text)
      @io.write(text)
    rescue SystemCallError => e
      Apppool.log("rack_loader: no pool to report to (#{e.message}): #{text}\n")
    end
  end

  # --- One request ------------------------------------------------------------

  # What came over the connection is not an SCGI request.
  class BadRequest < StandardError
  end

  # The other side has closed the connection in the middle.
  class Gone < IOError
  end

  # One connection of one client; it carries one request after another.
  class Connection
    attr_reader :socket
    attr_accessor :keep     # stays open after the request at hand
    attr_accessor :broken   # the other side has gone away
    attr_accessor :skip     # bytes of the last body still to be dropped
    alias to_io socket

    def initialize(socket)
      @socket = socket
      @socket.sync = true
      @keep = true
      @broken = false
      @skip = 0
      @rest = nil           # taken from the socket, not yet looked at
    end

    def rest?
      !@rest.nil?
    end

    # Takes one request: [variables, body input]; nil at end of file.
    def read_request
      data = @rest || receive or return nil
      @rest = nil
      header, first = split_netstring(data)
      env = parse_header(header)
      [env, read_body(env['CONTENT_LENGTH'], first)]
    end

    # The next bytes from the socket, nil at end of file.
    def receive
      @socket.readpartial(CHUNK)
    rescue EOFError
      nil
    rescue SystemCallError
      @broken = true
      nil
    end

    def receive_more
      receive or gone('connection closed inside a request')
    end

    # Copies `size` bytes of body into a file.
    def copy_to(file, size)
      copied = IO.copy_stream(@socket, file, size)
      gone('the body was cut off') if copied < size
    rescue Errno::ECONNRESET
      gone('the body was cut off')
    end

    # Drops unread body; false when the other side has closed.
    def drop_some
      @skip -= @socket.readpartial([@skip, CHUNK].min).bytesize
      true
    rescue SystemCallError, EOFError
      false
    end

    def send(*parts)
      @socket.write(*parts)
    rescue Errno::EPIPE, Errno::ECONNRESET
      gone('the client has gone')
    end

    # Sends from a file, by sendfile(2); how many bytes there were.
    def send_file(file, size)
      IO.copy_stream(file, @socket, size)
    rescue Errno::EPIPE, Errno::ECONNRESET
      gone('the client has gone')
    end

    # Nothing more will come; also said while forks hold copies.
    def finish_sending
      @socket.shutdown(Socket::SHUT_WR)
    rescue SystemCallError
      nil
    end

    def close
      begin
        @socket.shutdown(Socket::SHUT_RDWR)
      rescue SystemCallError
        nil
      end
      @socket.close
    end

    private

    def gone(message)
      @broken = true
      raise Gone, message
    end

    # [the netstring's content, what came after it]
    def split_netstring(data)
      until (colon = data.index(':')) || data.bytesize >= 10
        data << receive_more
      end
      digits = colon ? data.byteslice(0, colon) : data
      unless digits.match?(/\A\d{1,9}\z/) && digits.to_i <= MAX_HEADER
        raise BadRequest, "bad length of netstring #{digits[0, 20].inspect}"
      end
      finish = colon + 1 + digits.to_i
      data << receive_more while data.bytesize <= finish
      raise BadRequest, 'netstring without comma' if data.getbyte(finish) != 44
      [data.byteslice(colon + 1, digits.to_i),
       data.byteslice(finish + 1, data.bytesize)]
    end

    def parse_header(header)
      fields = header.split("\0", -1)
      unless fields.size.odd? && fields.pop.empty? &&
             fields[0] == 'CONTENT_LENGTH'
        raise BadRequest, 'header does not start with CONTENT_LENGTH'
      end
      Hash[*fields]
    end

    def read_body(length, first)
      unless length.match?(/\A\d+\z/)
        raise BadRequest, "bad CONTENT_LENGTH #{length.inspect}"
      end
      length = length.to_i
      return SpooledBody.new(self, first, length) if first.bytesize < length
      @rest = first.byteslice(length..-1) if first.bytesize > length
      body = StringIO.new(first.byteslice(0, length))
      body.set_encoding(Encoding::BINARY)
    end
  end

  # rack.input for a body that has not arrived with its header. Spooled on first
  # use, to memory or a file without a name: it can be rewound as often as the
  # application likes. Never reads past CONTENT_LENGTH; a body that breaks off
  # raises, it must not look complete.
  class SpooledBody
    def initialize(connection, first, length)
      @connection = connection
      @first = first
      @length = length
      @spool = nil
    end

    def read(*arguments)
      spool.read(*arguments)
    end

    def gets(*arguments)
      spool.gets(*arguments)
    end

    def each(&block)
      spool.each_line(&block)
    end

    def rewind
      spool.rewind
    end

    def size
      @length
    end

    def external_encoding
      Encoding::BINARY
    end

    def close
      nil       # the server's business; a middleware may still want to read
    end

    # Gives nothing more; returns how much the socket still holds.
    def finish
      return @length - @first.bytesize unless @spool
      @spool.close
      0
    end

    private

    def spool
      return @spool if @spool
      raise Gone, 'the body was cut off' if @connection.broken
      @spool = @length > MAX_BODY_IN_MEMORY ? in_file : in_memory
      @spool.rewind
      @spool
    end

    def in_memory
      @first << @connection.receive_more while @first.bytesize < @length
      StringIO.new(@first).set_encoding(Encoding::BINARY)
    end

    def in_file
      file = Tempfile.create('apppool-body')
      File.unlink(file.path)
      file.binmode
      file.write(@first)
      @connection.copy_to(file, @length - @first.bytesize)
      file
    end
  end

  # Turns the request's variables into a Rack environment.
  class Environment
    # What does not stand in a path as it is (RFC 3986, 3.3).
    ENCODED = %r{[^A-Za-z0-9\-._~!$&'()*+,;=:@/]}.freeze

    def initialize(multithread)
      @base = {
        'rack.version' => [1, 3],
        'rack.errors' => $stderr,
        'rack.multithread' => multithread,
        'rack.multiprocess' => true,
        'rack.run_once' => false
      }.freeze
    end

    def complete(env, input)
      env.delete('SCGI')
      env.delete('APPPOOL_KEEPALIVE')
      env.update(@base)
      env['HTTP_VERSION'] = env['SERVER_PROTOCOL']
      env['PATH_INFO'] = path_info(env)
      env['rack.url_scheme'] = url_scheme(env)
      env['rack.input'] = input
      env['rack.after_reply'] = []
      env['rack.response_finished'] = []
      env
    end

    private

    def url_scheme(env)
      return 'https' if env['HTTPS']&.match?(/\A(?:on|1)\z/i)
      env['REQUEST_SCHEME'] == 'https' ? 'https' : 'http'
    end

    # Rack's is not decoded: it is taken from the URI as sent, or encoded anew
    # where httpd has rewritten the path since.
    def path_info(env)
      path = env['PATH_INFO'] || ''
      raw = env['REQUEST_URI'] || ''
      return path unless raw.include?('%') || path.match?(ENCODED)
      raw = raw.sub(%r{\A[a-z][a-z0-9+.-]*://[^/?]*}i, '').sub(/\?.*\z/m, '')
      raw = raw.delete_prefix(env['SCRIPT_NAME'] || '')
      decoded = unescape(raw)
      # With AllowEncodedSlashes NoDecode httpd leaves %2F in PATH_INFO.
      decoded == path || decoded == unescape(path) ? raw : escape(path)
    end

    def unescape(text)
      text.gsub(/%\h\h/) { |code| code[1, 2].hex.chr }
    end

    def escape(path)
      path.b.gsub(ENCODED) { |byte| format('%%%02X', byte.ord) }
    end
  end

  # --- One response -----------------------------------------------------------

  # Sends what the application answers, framed as the README says.
  class Response
    NAME = /\A[!#$%&'*+\-.^_`|~0-9A-Za-z]+\z/.freeze
    BODYLESS = [204, 304].freeze
    # What was worked out once: "Status: 404 Not Found", and "name: " of headers'
    # names that are right; empty for those that go no further.
    STATUS_LINES = Hash.new do |lines, status|
      reason = Rack::Utils::HTTP_STATUS_CODES[status]
      lines[status] = "#{"Status: #{status} #{reason}".strip}\r\n".b.freeze
    end
    PREFIXES = {} # rubocop:disable Style/MutableConstant
    MAX_PREFIXES = 500
    INTERNAL_ERROR = [500, { 'content-type' => 'text/plain' },
                      ["Internal Server Error\n"]].freeze
    attr_reader :begun      # the header has been sent
    attr_reader :ended

    def initialize(connection, method)
      @connection = connection
      @framed = connection.keep
      @is_head = method == 'HEAD'
      @begun = @ended = @chunked = false
      @left = nil           # body bytes still to come, where known
    end

    def send(status, headers, body)
      @head, @length = header(status.to_i, headers)
      @bodyless = @is_head || BODYLESS.include?(status.to_i)
      if @bodyless then start(0)
      elsif body.respond_to?(:to_ary) then send_array(body.to_ary)
      elsif (file = file_of(body)) then send_file(file)
      elsif body.respond_to?(:each) then body.each { |piece| write(piece) }
      else body.call(Stream.new(self))
      end
      finish
    end

    def send_error
      send(*INTERNAL_ERROR)
    end

    # Sends one piece of body.
    def write(piece)
      unless piece.is_a?(String)
        raise TypeError, "the body must consist of strings, not #{piece.class}"
      end
      raise IOError, 'write after the end of the response' if @ended
      return if piece.empty?
      parts = @begun ? [] : [begin_with(nil)]
      add_body(parts, piece)
      @connection.send(*parts) unless parts.empty?
    end

    private

    # [header lines, content length or nil]; raises what is wrong.
    def header(status, headers)
      raise ArgumentError, "status #{status}" unless (100..999).cover?(status)
      text = STATUS_LINES[status].dup
      length = nil
      headers.each do |name, value|
        prefix = PREFIXES[name] || prefix_of(name)
        next if prefix.empty?
        length = content_length(value) if content_length?(prefix)
        add_header(text, prefix, value)
      end
      [text, length]
    end

    def prefix_of(name)
      return '' if name.start_with?('rack.')
      raise ArgumentError, "header name #{name.inspect}" unless name.match?(NAME)
      PREFIXES.clear if PREFIXES.size > MAX_PREFIXES
      own = name.casecmp?('x-apppool-frame')
      PREFIXES[name.dup.freeze] = own ? '' : "#{name}: ".b.freeze
    end

    def content_length?(prefix)
      prefix.size == 16 && prefix.casecmp?('content-length: ')
    end

    def add_header(text, prefix, value)
      if value.is_a?(String) && value.ascii_only? && !value.match?(/[\r\n\0]/)
        text << prefix << value << "\r\n"
      else
        add_lines(text, prefix, value)
      end
    end

    # Several values: an array in Rack 3, lines in Rack 2.
    def add_lines(text, prefix, value)
      values = value.is_a?(Array) ? value : value.to_s.split("\n", -1)
      values = [''] if values.empty?
      values.each do |line|
        line = line.to_s.b
        if line.match?(/[\r\n\0]/n)
          raise ArgumentError, "illegal byte in header #{prefix}#{line.inspect}"
        end
        text << prefix << line << "\r\n"
      end
    end

    def content_length(value)
      Integer(value.to_s, 10)
    end

    # Decides on the frame; returns the complete header.
    # size: of the body, if known by other means than Content-Length.
    def begin_with(size)
      @begun = true
      @left = @bodyless ? 0 : @length || size
      return @head << "\r\n" unless @framed
      @chunked = @left.nil?
      @head << "X-Apppool-Frame: #{@left || 'chunked'}\r\n\r\n"
    end

    def start(size)
      @connection.send(begin_with(size))
    end

    def add_body(parts, piece)
      if @chunked
        parts << "#{piece.bytesize.to_s(16)}\r\n" << piece << "\r\n"
      elsif @left.nil? || @left >= piece.bytesize
        parts << piece
        @left -= piece.bytesize if @left
      elsif @left.positive?
        parts << piece.byteslice(0, @left)
        @left = 0
      end
    end

    # All pieces are at hand: the frame needs no chunks.
    def send_array(pieces)
      @length ||= pieces.sum(&:bytesize)
      return pieces.each { |piece| write(piece) } if pieces.size < 2
      parts = [begin_with(nil)]
      pieces.each { |piece| add_body(parts, piece) }
      parts.each_slice(512) { |some| @connection.send(*some) }
    end

    def file_of(body)
      path = body.respond_to?(:to_path) && body.to_path
      path if path && File.file?(path) && File.size(path).positive?
    end

    def send_file(path)
      File.open(path, 'rb') do |file|
        size = [file.size, @length || file.size].min
        start(size)
        sent = @connection.send_file(file, size)
        @left -= sent
      end
    end

    def finish
      start(0) unless @begun
      if @chunked
        @connection.send("0\r\n\r\n")
      elsif @left&.positive?
        Apppool.log("rack_loader: the response is #{@left} bytes shorter " \
                    "than its Content-Length\n")
        @connection.keep = false
      end
      @ended = true
    end
  end

  # What a streaming body of Rack 3 is called with. Input was taken already.
  class Stream
    def initialize(response)
      @response = response
      @closed = false
    end

    def write(*pieces)
      raise IOError, 'closed stream' if @closed
      pieces.sum do |piece|
        @response.write(piece.to_s)
        piece.to_s.bytesize
      end
    end

    def <<(piece)
      write(piece)
      self
    end

    def flush
      self
    end

    def read(length = nil, buffer = nil)
      buffer&.replace('')
      length.to_i.positive? ? nil : buffer || +''
    end

    def close(_error = nil)
      @closed = true
    end
    alias close_write close

    def close_read
      nil
    end

    def closed?
      @closed
    end
  end

  # --- Serving ----------------------------------------------------------------

  # All connections that no thread is busy with. One thread at a time waits for
  # all of them on behalf of the others.
  class Waiter
    def initialize(listener, stop, shared)
      @listener = listener
      @stop = stop
      @turn = Mutex.new
      @sources = [stop, listener]
      @ready = []
      @spare = File.open(File::NULL)
      @wake_r, @wake_w = IO.pipe if shared
      @sources << @wake_r if shared
    end

    # The next connection with something to read; nil when it is time to end.
    def take
      @turn.synchronize do
        while @ready.empty?
          return nil unless wait
        end
        @ready.shift
      end
    end

    # Back to waiting. The thread that waits just now does not know it yet.
    def give(connection)
      @sources << connection
      @wake_w&.write_nonblock('!', exception: false)
    end

    # Those that are left when all threads have ended.
    def close
      (@ready + @sources).each do |source|
        source.close if source.is_a?(Connection)
      end
    end

    private

    # False when it is time to end.
    def wait
      # Other threads add to the array meanwhile.
      readable, = IO.select(@wake_r ? @sources.dup : @sources)
      return false if readable.include?(@stop)
      readable.each do |source|
        if source.equal?(@listener) then accept
        elsif source.equal?(@wake_r) then @wake_r.readpartial(4096)
        else @ready << @sources.delete(source)
        end
      end
      true
    end

    def accept
      socket = @listener.accept_nonblock(exception: false)
      @sources << Connection.new(socket) unless socket == :wait_readable
    rescue Errno::EMFILE
      refuse
    rescue SystemCallError
      nil
    end

    # The application has used up all descriptors: let the client know, it
    # would wait and this loop would spin.
    def refuse
      Apppool.log("rack_loader: connection closed: no descriptor left\n")
      @spare.close
      @listener.accept_nonblock.close
      @spare = File.open(File::NULL)
    end
  end

  # Runs the application in N threads until SIGTERM or the pool's end.
  class Server
    def initialize(application, listener, report, threads)
      @application = application
      @report = report
      @threads = threads
      @pid = Process.pid
      @environment = Environment.new(threads > 1)
      @stop_r, @stop_w = IO.pipe
      @waiter = Waiter.new(listener, @stop_r, threads > 1)
    end

    def run
      take_signals
      workers = Array.new(@threads) do |number|
        Thread.new { work }.tap { |thread| thread.name = "request-#{number}" }
      end
      yield
      watch
      workers.each(&:join)
      @waiter.close
    end

    private

    # A process that the application forks has the handler too, but it must
    # not end the server that it comes from.
    def take_signals
      trap('TERM') do
        if Process.pid == @pid
          @stop_w.write_nonblock('!', exception: false)
        else
          trap('TERM', 'DEFAULT')
          Process.kill('TERM', Process.pid)
        end
      end
    end

    # Until the end of the pool or of this process; every thread sees the byte
    # in the pipe, nobody takes it out.
    def watch
      until IO.select([@stop_r, @report.io]).first.include?(@stop_r)
        if @report.hung_up?
          @stop_w.write('!')
        else
          IO.select([@stop_r], nil, nil, 0.05)
        end
      end
      @stopping = true
      Thread.new { leave_in_time }
    end

    # What does not end the pool ends; when that is gone, nobody would.
    def leave_in_time
      sleep 0.5 until @report.hung_up?
      sleep LAST_REQUEST_S
      Process.exit!(1)
    end

    def work
      while !@stopping && (connection = @waiter.take)
        attend(connection)
      end
    ensure
      # Whatever ended this thread (Thread.exit in a request): the process
      # ends after it, and the pool makes a new one.
      @stop_w.write_nonblock('!', exception: false)
    end

    def attend(connection)
      if connection.skip.positive?
        return connection.close unless connection.drop_some
      else
        return connection.close unless serve(connection)
      end
      leave(connection)
    end

    # False when there was nothing to serve.
    def serve(connection)
      loop do
        env, input = connection.read_request
        return false unless env
        serve_request(connection, env, input)
        return true unless connection.rest? && connection.keep
      end
    rescue BadRequest => e
      Apppool.log("rack_loader: connection closed: #{e.message}\n")
      false
    rescue Gone
      false
    end

    def serve_request(connection, env, input)
      connection.keep = env['APPPOOL_KEEPALIVE'] == '1'
      @environment.complete(env, input)
      response = Response.new(connection, env['REQUEST_METHOD'])
      run_application(env, response)
    rescue Exception => e # rubocop:disable Lint/RescueException
      on_exception(e, connection, env, response)
    ensure
      connection.skip = input.finish if input.is_a?(SpooledBody)
      connection.keep = false if connection.broken
    end

    def run_application(env, response)
      # Both are the server's, whatever the application does to its hash.
      finished = env['rack.response_finished']
      after_reply = env['rack.after_reply']
      status, headers, body = @application.call(env)
      begin
        response.send(status, headers, body)
      ensure
        body.close if body.respond_to?(:close)
      end
    rescue Exception => error # rubocop:disable Lint/RescueException
      raise
    ensure
      finished.reverse_each { |call| call.call(env, status, headers, error) }
      after_reply.each(&:call)
    end

    def on_exception(error, connection, env, response)
      # A fork of the application's: not its answer.
      exit!(1) unless Process.pid == @pid
      return if connection.broken       # a client that left is no news
      Apppool.log("rack_loader: #{env['REQUEST_METHOD']} " \
                  "#{env['REQUEST_URI'].inspect}: the application raised\n" +
                  Apppool.explain(error))
      return if response.ended          # raised by close, all has been sent
      return connection.keep = false if response.begun
      response.send_error
    rescue Gone
      nil
    end

    # Done with it for now: back to waiting, or away with it.
    def leave(connection)
      connection.keep = false if @stopping || connection.broken
      unless connection.keep
        if connection.skip.zero? || connection.broken
          return connection.close
        end
        # Unread data at close would be a reset for the other side.
        connection.finish_sending
      end
      @waiter.give(connection)
    end
  end

  # --- Loading and forking ----------------------------------------------------

  # Loads the application as its own environment (Bundler or not) wants it.
  class Application
    def self.load(startup_file)
      gemfile = %w[Gemfile gems.rb].find { |name| File.file?(name) }
      ENV['BUNDLE_GEMFILE'] ||= File.expand_path(gemfile) if gemfile
      require 'bundler/setup' if ENV['BUNDLE_GEMFILE']
      # Not earlier: Bundler decides on the versions of default gems.
      require 'socket'
      require 'stringio'
      require 'tempfile'
      require 'uri' # applications find it under every other server, too
      require 'rack'
      path = File.expand_path(startup_file)
      File.open(path, &:readline) if File.directory?(path) || !File.file?(path)
      # Rack 2 returns [application, options], Rack 3 the application.
      app = Rack::Builder.parse_file(path)
      app.is_a?(Array) ? app.first : app
    end
  end

  # What loading left behind that no fork has, or that all of them share.
  class Leftovers
    # own: descriptors that are ours
    def initialize(own)
      @own = own
    end

    def warn
      threads.each do |name|
        say("started the thread #{name}, which no process forked from it " \
            'will have; start it')
      end
      descriptors.each do |what|
        say("opened #{what}, which all processes forked from it share; open it")
      end
    end

    private

    def say(what)
      Apppool.log("rack_loader: warning: loading the application #{what} in " \
                  "Apppool.after_fork or say PoolSpawnMethod direct\n")
    end

    # Rails marks threads of its own that a fork starts anew.
    def threads
      others = Thread.list - [Thread.main]
      others.reject! { |thread| thread.thread_variable_get(:fork_safe) }
      others.map { |thread| thread.name || thread.inspect }
    end

    def descriptors
      found = Dir.children('/proc/self/fd').map(&:to_i).sort - @own - [0, 1, 2]
      found.map { |fd| describe(fd) }.compact
    end

    # A socket, or a file open for both reading and writing; else nil.
    def describe(descriptor)
      name = File.readlink("/proc/self/fd/#{descriptor}")
      return describe_socket(descriptor) if name.start_with?('socket:')
      info = File.read("/proc/self/fdinfo/#{descriptor}")
      flags = info[/^flags:\s*(\h+)/, 1]
      return unless flags.to_i(8) & IO::RDWR != 0 && File.file?(name)
      "the file #{name} for writing"
    rescue SystemCallError
      nil       # closed meanwhile, as the folder's own
    end

    def describe_socket(descriptor)
      socket = BasicSocket.for_fd(descriptor)
      socket.autoclose = false
      "a connection to #{address(socket.remote_address)}"
    rescue SystemCallError
      "a socket at #{address(socket.local_address)}"
    end

    def address(found)
      return "#{found.ip_address} port #{found.ip_port}" if found.ip?
      path = found.unix? ? found.unix_path : ''
      path.empty? ? 'a socket without a name' : path
    end
  end

  # Holds the loaded application and forks serving processes from it.
  class Preloader
    def initialize(listeners, report)
      @listeners = listeners
      @report = report
    end

    # Forks on demand. Returns the slot in each new serving process, nil in the
    # preloader itself once the pool is gone.
    def run
      Leftovers.new([@report.io, *@listeners].map(&:fileno)).warn
      settle_memory
      @report.ready
      while (message = @report.receive)
        slot = message[/\AFORK (\d{1,4})\z/, 1]&.to_i
        if slot.nil? || slot >= @listeners.size
          Apppool.log("rack_loader: unknown message #{message.inspect}\n")
        elsif fork_server(slot)
          return slot
        end
      end
    end

    private

    # Old objects are not written to by the collector: they stay shared.
    def settle_memory
      return Process.warmup if Process.respond_to?(:warmup)
      4.times { GC.start }
    end

    # True in the new process.
    def fork_server(slot)
      $stdout.flush
      $stderr.flush
      middle = fork
      return fork_again(slot) unless middle
      Process.wait(middle)
      false
    rescue Errno::ECHILD
      false     # the application ignores SIGCHLD
    rescue SystemCallError => e
      @report.failed(slot, e.message)
      false
    end

    # In the middle process: it ends, its child is nobody's here.
    def fork_again(slot)
      begin
        Process.setsid
        exit!(0) if fork
      rescue SystemCallError => e
        @report.failed(slot, e.message)
        exit!(1)
      end
      become_server(slot)
    end

    def become_server(slot)
      @listeners.each_with_index do |listener, number|
        listener.close if number != slot
      end
      srand
      true
    end
  end

  # What to install, as far as names can tell.
  module Advice
    module_function

    # '' where nothing is missing.
    def for(error)
      error = error.cause until error.nil? || missing?(error)
      return '' unless error
      return "#{bundler}\n\n" unless error.is_a?(LoadError)
      name = error.path.split('/').first
      "The Ruby library #{name} is not installed. #{install(name)}\n\n"
    end

    # A path that is no name of a library is the application's own affair.
    def missing?(error)
      return true if error.class.name.start_with?('Bundler::')
      error.is_a?(LoadError) && error.path.to_s.match?(/\A[a-z0-9]/i) &&
        !Dir.exist?(File.join('lib', error.path.split('/').first))
    end

    def bundler
      "The gems of #{ENV['BUNDLE_GEMFILE']} are not all installed. In " \
        "#{Dir.pwd} run: bundle install"
    end

    def install(name)
      if ENV['BUNDLE_GEMFILE'] && name != 'bundler'
        return "Add it to #{ENV['BUNDLE_GEMFILE']} and run: bundle install"
      end
      "#{debian("ruby-#{name.downcase.tr('_', '-')}")}" \
        "From RubyGems: gem install #{name}, or a Gemfile."
    end

    def debian(package)
      return '' unless File.exist?('/etc/debian_version')
      "On this system it may be in the package #{package} (apt install " \
        "#{package}). "
    end
  end

  # --- Start ------------------------------------------------------------------

  # From the command line to the end of the process.
  class Main
    def initialize(words)
      # Whoever calls us is the pool, nobody else.
      @options = words.each_slice(2).to_h
      @startup_file = @options.fetch('--startup-file')
      @report = Report.new(@options.fetch('--report').to_i)
      @threads = @options.fetch('--threads', '1').to_i
    end

    def run
      prepare_interpreter
      application = load_application
      listeners = open_listeners
      take_signals
      slot = nil
      if @options['--mode'] == 'preload'
        name_process('rack preload')
        slot = Preloader.new(listeners, @report).run or return
      end
      name_process('rack')
      Apppool.run_start_hooks(slot)
      Server.new(application, listeners[slot || 0], @report, @threads)
            .run { @report.ready(slot) }
      PhusionPassenger.call_event(:stopping_worker_process)
    end

    private

    # Makes it look as if Ruby had been started for the application. As under
    # any server of Rack's, the startup file is not the program itself: what is
    # both starts a server of its own (Sinatra, when the process ends).
    def prepare_interpreter
      listen_descriptors.each { |fd| io_of(fd).close_on_exec = true }
      $PROGRAM_NAME = title_of('rack')
      ARGV.clear
      $stdout.sync = true
      base_uri = @options['--base-uri'].to_s
      ENV['RAILS_RELATIVE_URL_ROOT'] ||= base_uri unless base_uri.empty?
      # Locks cannot be taken in a handler, in a thread they can.
      trap('ABRT') { Thread.new { Apppool.log_threads } }
    end

    def listen_descriptors
      first = @options.fetch('--listen').to_i
      first...(first + @options.fetch('--listeners').to_i)
    end

    def io_of(descriptor)
      IO.for_fd(descriptor, autoclose: false)
    end

    def open_listeners
      listen_descriptors.map { |fd| UNIXServer.for_fd(fd) }
    end

    def load_application
      Application.load(@startup_file)
    rescue Exception => e # rubocop:disable Lint/RescueException
      @report.error(why_not_loaded(e))
      exit!(1)
    end

    def why_not_loaded(error)
      what = error.is_a?(SystemExit) ? 'called exit' : 'could not be loaded'
      "#{@startup_file} #{what}.\n#{Advice.for(error)}".b <<
        Apppool.explain(error)
    end

    # By handlers, not IGNORE: the application's programs would inherit that.
    # After loading, which may have changed them.
    def take_signals
      %w[INT HUP PIPE].each { |name| trap(name) { nil } }
      trap('TERM') { exit }
    end

    def name_process(kind)
      File.write('/proc/self/comm', title_of(kind).byteslice(0, 15))
    rescue SystemCallError
      nil
    end

    def title_of(kind)
      "#{kind}: #{File.basename(Dir.pwd)}"
    end
  end
end

# What applications and libraries that know Passenger call in their start-up.
module PhusionPassenger
  EVENTS = Hash.new { |events, name| events[name] = [] }

  def self.on_event(name, &block)
    EVENTS[name] << block
  end

  def self.call_event(name, *arguments)
    EVENTS[name].each { |block| block.call(*arguments) }
  end
end

Apppool::Main.new(ARGV).run
