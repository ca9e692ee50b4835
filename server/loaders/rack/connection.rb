# SPDX-License-Identifier: Apache-2.0
# frozen_string_literal: true

# connection.rb - one connection of one client over SCGI (README, "Requests");
# it carries one request after another.

module Apppool
  # What came over the connection is not an SCGI request.
  class BadRequest < StandardError
  end

  # The other side has closed the connection in the middle.
  class Gone < IOError
  end

  class Connection
    # What fits into one read.
    CHUNK = 65_536
    # A header longer than this is a broken sender, not a large request.
    MAX_HEADER = 16 * 1024 * 1024

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
end
