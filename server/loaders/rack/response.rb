# SPDX-License-Identifier: Apache-2.0
# frozen_string_literal: true

# response.rb - sends what the application answers, framed as the README says.

module Apppool
  class Response
    NAME = /\A[!#$%&'*+\-.^_`|~0-9A-Za-z]+\z/.freeze
    BODYLESS = [204, 304].freeze
    # What was worked out once: "Status: 404 Not Found", and "name: " where that
    # is a right name of a header; empty for those that go no further.
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
      if @bodyless
        say_length(body) unless BODYLESS.include?(status.to_i)
        start(0)
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
      name.match?(NAME) or
        raise ArgumentError, "header name #{name.inspect}"
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

    # httpd counts what GET answers; what HEAD leaves out it cannot.
    def say_length(body)
      return if @length || !body.respond_to?(:to_ary)
      size = body.to_ary.sum(&:bytesize)
      @head << "content-length: #{size}\r\n" if size.positive?
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
end
