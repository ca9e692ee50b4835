# SPDX-License-Identifier: Apache-2.0
#
# The Rack application that most tests ask: its first path segment says what to
# do. With PROBE_LINT set everything goes through Rack::Lint.
require 'digest'
require 'json'
require 'uri' # Rack::Lint 2.2 uses it without asking for it

module Probe
  module_function

  def env(env)
    json(env.to_h { |k, v| [k, v.is_a?(String) || v == true || v == false ? v : v.class.name] })
  end

  def echo(env)
    body = env['rack.input'] ? env['rack.input'].read : ''
    plain(body)
  end

  def digest(env)
    input = env['rack.input']
    length = 0
    sum = Digest::SHA256.new
    while (piece = input.read(65_536))
      length += piece.bytesize
      sum << piece
    end
    json('length' => length, 'sha256' => sum.hexdigest,
         'content_length' => env['CONTENT_LENGTH'],
         'past_the_end' => input.read.to_s)
  end

  def rewind(env)
    first = env['rack.input'].read
    env['rack.input'].rewind
    plain((first == env['rack.input'].read).to_s)
  end

  def mark(env, name)
    File.write(name, env['rack.input'].read.bytesize.to_s)
    plain('marked')
  end

  def ignore(_env)
    plain('ignored')
  end

  def status(_env, line)
    code = line.to_i
    return [code, {}, []] if [204, 304].include?(code)

    [code, { 'content-type' => 'text/plain' }, ["own body\n"]]
  end

  def headers(_env)
    [200, { 'content-type' => 'text/plain',
            'set-cookie' => Rack.release < '3' ? "a=1; Path=/\nb=2, still b" : ['a=1; Path=/', 'b=2, still b'] },
     ['ok']]
  end

  def size(_env, count)
    block = 'x' * 65_536
    body = Enumerator.new do |out|
      left = count.to_i
      while left.positive?
        out << block[0, [left, block.bytesize].min]
        left -= block.bytesize
      end
    end
    [200, { 'content-type' => 'application/octet-stream' }, body]
  end

  def trickle(_env, count, pause)
    body = Enumerator.new do |out|
      count.to_i.times do |n|
        out << "piece #{n}\n"
        sleep pause.to_f
      end
    end
    [200, { 'content-type' => 'text/plain' }, body]
  end

  def pid(_env)
    plain(Process.pid.to_s)
  end

  def boom(_env)
    raise 'boom before the header'
  end

  def late_boom(_env)
    body = Enumerator.new do |out|
      out << 'x' * 100_000
      raise 'boom in mid-body'
    end
    [200, { 'content-type' => 'text/plain' }, body]
  end

  def gone(_env)
    exit!(3)
  end

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

  def plain(body)
    [200, { 'content-type' => 'text/plain',
            'content-length' => body.bytesize.to_s }, [body]]
  end

  def json(value)
    plain(JSON.generate(value.transform_values { |v| clean(v) }))
  end

  # Bytes that are no UTF-8 are shown as latin-1.
  def clean(value)
    return value unless value.is_a?(String)

    text = value.dup.force_encoding('UTF-8')
    text.valid_encoding? ? text : value.dup.force_encoding('ISO-8859-1').encode('UTF-8')
  end

  ACTIONS = %w[env echo digest rewind mark ignore status headers size trickle pid
               boom late-boom gone say inside].freeze

  def call(env)
    name, *arguments = env['PATH_INFO'].split('/')[1..]
    return env(env) unless ACTIONS.include?(name)

    action = method(name.tr('-', '_'))
    action.call(env, *arguments.first(action.arity - 1))
  end
end

require 'rack'
use Rack::Lint if ENV['PROBE_LINT']
run ->(env) { Probe.call(env) }
