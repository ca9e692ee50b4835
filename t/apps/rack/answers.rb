# SPDX-License-Identifier: Apache-2.0
# frozen_string_literal: true

# answers.rb - the test application: one method a path, see config.ru.

require 'digest'
require 'json'

# Body with an each that takes a block of pieces.
Pieces = Struct.new(:make) do
  def each(&block)
    make.call(block)
  end
end

# Body whose close is noted.
class Closing
  def initialize(name, closed)
    @name = name
    @closed = closed
  end

  def each
    yield 'a'
    yield 'b'
  end

  def close
    @closed << @name
  end
end

# Body that is a file.
FileBody = Struct.new(:to_path) do
  def each
    yield File.binread(to_path)
  end
end

# The application.
class Answers
  PATHS = %w[
    echo digest whole lines ignore half pieces listed nothing step block raise
    raise-started raise-late exit longer shorter status headers bad-header big
    file closing closed pid number orphan error stream forked finished
    fork-raises
  ].map { |name| ["/#{name}", "on_#{name.tr('-', '_')}"] }.to_h.freeze
  BAD_HEADERS = {
    'crlf' => { 'x-a' => "b\r\nX-C: d" }, 'lf' => { 'x-a' => "b\nX-C: d" },
    'nul' => { 'x-a' => "b\0" }, 'name' => { 'x a' => 'b' },
    'name-crlf' => { "x-a: b\r\nx-c" => 'd' }
  }.freeze
  FORKED = []       # rubocop:disable Style/MutableConstant
  Apppool.after_fork { |slot| FORKED << slot } if defined?(Apppool)

  def initialize
    @closed = []
    @finished = []
  end

  def call(env)
    __send__(PATHS.fetch(env['PATH_INFO'], :on_root), env)
  end

  private

  def text(body, headers = {})
    [200, { 'content-type' => 'text/plain',
            'content-length' => body.bytesize.to_s }.merge(headers), [body]]
  end

  def plain(status = 200, &pieces)
    [status, { 'content-type' => 'text/plain' }, Pieces.new(pieces)]
  end

  def on_root(env)
    env['PATH_INFO'] == '/' ? text("Hello, world!\n") : on_echo(env)
  end

  def on_echo(env)
    shown = env.map { |name, value| [name, shown(value)] }.to_h
    text(JSON.generate(shown))
  end

  def shown(value)
    case value
    when String then value.dup.force_encoding('ISO-8859-1').encode('UTF-8')
    when true, false, Array then value
    else value.class.name
    end
  end

  def on_digest(env)
    sha = Digest::SHA256.new
    length = 0
    data = +''
    while env['rack.input'].read(65_536, data)
      sha << data
      length += data.bytesize
    end
    text("#{length} #{sha.hexdigest}")
  end

  # Read twice: it can be rewound.
  def on_whole(env)
    first = env['rack.input'].read
    raise 'more after the end' if env['rack.input'].read(1)
    env['rack.input'].rewind
    raise 'something else after rewind' if env['rack.input'].read != first
    text(first)
  end

  def on_lines(env)
    lines = [env['rack.input'].gets]
    env['rack.input'].each { |line| lines << line }
    text(JSON.generate(lines))
  end

  def on_ignore(_env)
    text('ignored')
  end

  # Rack's input is spooled as soon as it is read; so this one is not.
  def on_half(_env)
    text('y' * 10)
  end

  def on_pieces(env)
    plain do |out|
      env['QUERY_STRING'].to_i.times do |number|
        out.call('')
        out.call((number % 10).to_s)
      end
    end
  end

  def on_listed(_env)
    [200, { 'content-type' => 'text/plain' }, ['several ', '', 'pieces']]
  end

  def on_nothing(_env)
    [200, { 'content-type' => 'text/plain' }, []]
  end

  def on_step(env)
    plain do |out|
      out.call('first')
      out.call(File.read(env['QUERY_STRING']))
    end
  end

  def on_block(env)
    text(File.read(env['QUERY_STRING']))
  end

  def on_raise(_env)
    raise ArgumentError, 'raised on purpose'
  end

  def on_raise_started(_env)
    plain { raise ArgumentError, 'raised in each' }
  end

  def on_raise_late(_env)
    plain do |out|
      out.call('before')
      raise ArgumentError, 'raised late'
    end
  end

  def on_exit(_env)
    exit 3
  end

  def on_longer(_env)
    [200, { 'content-length' => '10' }, ['12345']]
  end

  def on_shorter(_env)
    [200, { 'content-length' => '5' },
     Pieces.new(->(out) { %w[123 4567 89].each { |piece| out.call(piece) } })]
  end

  def on_status(env)
    plain(env['QUERY_STRING'].to_i) { |out| out.call('the body') }
  end

  def on_headers(_env)
    cookies = %w[a=1 b=2]
    cookies = cookies.join("\n") if Rack.release < '3'
    text('', 'set-cookie' => cookies, 'x-odd' => "caf\xE9".b, 'x-empty' => '')
  end

  def on_bad_header(env)
    text('', BAD_HEADERS.fetch(env['QUERY_STRING']))
  end

  def on_big(env)
    piece = 'x' * (1 << 20)
    plain { |out| env['QUERY_STRING'].to_i.times { out.call(piece) } }
  end

  def on_file(env)
    [200, { 'content-type' => 'text/plain' }, FileBody.new(env['QUERY_STRING'])]
  end

  def on_closing(env)
    [200, { 'content-type' => 'text/plain' },
     Closing.new(env['QUERY_STRING'], @closed)]
  end

  def on_closed(_env)
    text(@closed.join(' '))
  end

  def on_pid(_env)
    text(Process.pid.to_s)
  end

  def on_number(_env)
    text(rand.to_s)
  end

  # A fork is ended by SIGTERM; tells how it ended.
  def on_orphan(_env)
    started, child_started = IO.pipe
    child = fork do
      child_started.close
      sleep
    end
    child_started.close
    started.read
    started.close
    Process.kill('TERM', child)
    _, status = Process.wait2(child)
    text(status.termsig.to_s)
  end

  # A fork that raises through us must not answer in our place.
  def on_fork_raises(_env)
    child = fork
    raise ArgumentError, 'raised in the fork' unless child
    _, status = Process.wait2(child)
    text(status.to_i.to_s)
  end

  def on_error(env)
    env['rack.errors'].puts 'to errors'
    puts 'to stdout'
    text('said')
  end

  # A streaming body of Rack 3.
  def on_stream(_env)
    [200, { 'content-type' => 'text/plain' }, lambda do |stream|
      stream.write('one ')
      stream << 'two ' << 'three'
      stream.flush
      stream.close
    end]
  end

  def on_forked(_env)
    text(FORKED.join(' '))
  end

  def on_finished(env)
    before = @finished.dup
    env['rack.after_reply'] << -> { @finished << 'replied' }
    env['rack.response_finished'] << lambda do |_, status, _, error|
      @finished << "#{status}#{error}"
    end
    text(before.join(' '))
  end
end
