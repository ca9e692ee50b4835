# SPDX-License-Identifier: Apache-2.0
# frozen_string_literal: true

# environment.rb - turns a request's variables into a Rack environment.

module Apppool
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
end
