# SPDX-License-Identifier: Apache-2.0
#
# The Rack application that most tests ask: its first path segment says what to
# do, see ../README. With PROBE_LINT set everything goes through Rack::Lint.
require 'digest'
require 'json'
require 'uri' # Rack::Lint 2.2 uses it without asking for it

module Probe
  PIECE = 65_536
  PLAIN = { 'content-type' => 'text/plain' }.freeze
  BINARY = { 'content-type' => 'application/octet-stream' }.freeze

  EATEN = []

  module_function

  # -- what came -----------------------------------------------------------

  def actions(_env)
    json(ACTIONS)
  end

  def env(env)
    json(env.to_h { |k, v| [k, v.is_a?(String) || v == true || v == false ? v : v.class.name] })
  end

  def echo(env)
    plain(env['rack.input'] ? env['rack.input'].read : '')
  end

  def digest(env)
    length = 0
    sum = Digest::SHA256.new
    pieces_of(env) do |piece|
      length += piece.bytesize
      sum << piece
    end
    json('length' => length, 'sha256' => sum.hexdigest,
         'content_length' => env['CONTENT_LENGTH'],
         'past_the_end' => env['rack.input'].read.to_s)
  end

  def pieces_of(env)
    while (piece = env['rack.input'].read(PIECE))
      yield piece
    end
  end

  def rewind(env)
    first = env['rack.input'].read
    env['rack.input'].rewind
    plain((first == env['rack.input'].read).to_s)
  end

  def relay(env)
    [200, BINARY.dup, Enumerator.new { |out| pieces_of(env) { |piece| out << piece } }]
  end

  def early(env, count)
    body = Enumerator.new do |out|
      xs(count.to_i, out)
      out << "\nread #{length_of(env)}"
    end
    [200, PLAIN.dup, body]
  end

  def length_of(env)
    length = 0
    pieces_of(env) { |piece| length += piece.bytesize }
    length
  end

  def part(env, count)
    env['rack.input'].read(count.to_i)
    plain("part #{count}")
  end

  def mark(env, name)
    length = length_of(env)
    File.write(name, length.to_s)
    plain('marked')
  end

  def line(_env, text)
    File.write('lines', "#{text}\n", mode: 'a')
    plain('noted')
  end

  def ignore(_env)
    plain('ignored')
  end

  # -- headers -------------------------------------------------------------

  def status(_env, line)
    code = line.to_i
    return [code, {}, []] if [204, 304].include?(code)

    [code, PLAIN.dup, ["own body\n"]]
  end

  def bodyful(_env, line)
    [line.to_i, { 'content-type' => 'text/plain', 'content-length' => '9', 'etag' => '"x"' },
     ['forbidden']]
  end

  def reply(_env, code, headers, body)
    fields = of_hex(headers).split("\x1e").map { |field| field.split("\x1f", 2) }
    [code.to_i, several(fields), [of_hex(body)]]
  end

  def of_hex(text)
    text == '-' ? +'' : [text].pack('H*')
  end

  # Several values of one name: lines before Rack 3, an array since.
  def several(fields)
    fields.group_by { |name, _| name.downcase }.transform_values do |of_name|
      values = of_name.map(&:last)
      next values.first if values.size == 1

      Rack.release < '3' ? values.join("\n") : values
    end
  end

  def headers(_env)
    fields = [['content-type', 'text/plain'],
              ['set-cookie', 'a=1; Path=/'], ['set-cookie', 'b=2, still b'],
              ['link', '</a>; rel=preload'], ['link', '</b>; rel=preload'],
              ['x-bytes', "caf\xE9".b], ['date', 'Thu, 01 Jan 1970 00:00:00 GMT']]
    [200, several(fields), ['ok']]
  end

  def location(_env, line)
    [line.to_i, { 'location' => '/env/elsewhere', 'content-type' => 'text/plain' }, ['look there']]
  end

  def many(_env, count, size)
    headers = (0...count.to_i).to_h { |n| ["x-many-#{n}", 'm' * size.to_i] }
    [200, PLAIN.merge(headers), ['many']]
  end

  def sendfile(_env, name)
    [200, PLAIN.merge('x-sendfile' => File.expand_path(name)), ['not this']]
  end

  # -- bodies --------------------------------------------------------------

  def size(_env, count)
    [200, BINARY.dup, Enumerator.new { |out| xs(count.to_i, out) }]
  end

  def xs(left, out)
    block = 'x' * PIECE
    while left.positive?
      out << block[0, [left, PIECE].min]
      left -= PIECE
    end
  end

  def length(_env, count)
    block = (0...251).to_a.pack('C*') * 256
    body = Enumerator.new do |out|
      (0...count.to_i).step(block.bytesize) do |start|
        out << block.byteslice(0, count.to_i - start)
      end
    end
    [200, BINARY.merge('content-length' => count), body]
  end

  def sized(_env, claimed, real)
    [200, PLAIN.merge('content-length' => claimed), ['x' * real.to_i]]
  end

  def trickle(_env, count, pause)
    [200, PLAIN.dup, slowly("piece %d\n", count.to_i, pause.to_f)]
  end

  def sse(_env, count, pause)
    [200, { 'content-type' => 'text/event-stream' },
     slowly("data: %d\n\n", count.to_i, pause.to_f)]
  end

  def slowly(text, count, pause)
    Enumerator.new do |out|
      count.times do |n|
        out << format(text, n)
        Kernel.sleep pause
      end
    end
  end

  def quiet(_env, seconds)
    body = Enumerator.new do |out|
      out << "begin\n"
      Kernel.sleep seconds.to_f
      out << "end\n"
    end
    [200, PLAIN.dup, body]
  end

  # -- time and failure ----------------------------------------------------

  def pid(_env)
    plain(Process.pid.to_s)
  end

  def sleep(env, seconds)
    Kernel.sleep seconds.to_f
    pid(env)
  end

  def hold(env, name)
    File.write("#{name}.waits.#{Process.pid}.#{Thread.current.object_id}", '')
    Kernel.sleep 0.01 until File.exist?(name)
    pid(env)
  end

  def eat(env, mib)
    EATEN << ('x' * (mib.to_i << 20))
    pid(env)
  end

  def boom(_env)
    raise 'boom before the header'
  end

  def late_boom(_env)
    body = Enumerator.new do |out|
      xs(100_000, out)
      raise 'boom in mid-body'
    end
    [200, PLAIN.dup, body]
  end

  def gone(_env)
    exit!(7)
  end

  def late_gone(_env)
    body = Enumerator.new do |out|
      xs(100_000, out)
      Kernel.sleep 0.1
      exit!(7)
    end
    [200, PLAIN.dup, body]
  end

  def killed(_env)
    Process.kill(:KILL, Process.pid)
    Kernel.sleep
  end

  def gone_once(_env, name)
    File.write(name, "asked\n", mode: 'a')
    lines = File.readlines(name).size
    exit!(7) if lines == 1
    plain(lines.to_s)
  end

  def fork(_env)
    child = Process.fork do
      trap('HUP', 'IGNORE')
      Kernel.sleep 600
    end
    plain(child.to_s)
  end

  # -- the process ---------------------------------------------------------

  def say(env)
    $stdout.puts 'said on stdout'
    $stdout.flush
    warn 'said on stderr'
    env['rack.errors'].puts 'said on rack.errors'
    plain('said')
  end

  def inside(_env)
    json('pid' => Process.pid, 'uids' => [Process.uid, Process.euid],
         'gids' => [Process.gid, Process.egid], 'cwd' => Dir.pwd,
         'groups' => Process.groups.sort, 'environ' => ENV.to_h,
         'umask' => File.umask, 'sid' => Process.getsid, 'argv' => ARGV,
         'stdin' => File.readlink('/proc/self/fd/0'))
  end

  # -- choosing ------------------------------------------------------------

  def plain(body)
    [200, PLAIN.merge('content-length' => body.bytesize.to_s), [body]]
  end

  def json(value)
    value = value.transform_values { |v| clean(v) } if value.is_a?(Hash)
    plain(JSON.generate(value))
  end

  # Bytes that are no UTF-8 are shown as latin-1.
  def clean(value)
    return value unless value.is_a?(String)

    text = value.dup.force_encoding('UTF-8')
    text.valid_encoding? ? text : value.dup.force_encoding('ISO-8859-1').encode('UTF-8')
  end

  ACTIONS = %w[actions env echo digest rewind relay early part mark line ignore
               status bodyful reply headers location many sendfile
               size length sized trickle sse quiet pid sleep hold eat
               boom late-boom gone late-gone killed gone-once fork say inside].freeze

  def call(env)
    name, *arguments = env['PATH_INFO'].split('/')[1..]
    return env(env) unless ACTIONS.include?(name)

    action = method(name.tr('-', '_'))
    arguments = arguments.first(action.arity - 1)
    action.call(env, *arguments.map { |text| URI.decode_www_form_component(text.gsub('+', '%2B')) })
  end
end

require 'rack'
use Rack::Lint if ENV['PROBE_LINT']
run ->(env) { Probe.call(env) }
