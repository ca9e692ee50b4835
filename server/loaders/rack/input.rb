# SPDX-License-Identifier: Apache-2.0
# frozen_string_literal: true

# input.rb - rack.input for a body that has not arrived with its header.
#
# Spooled on first use, to memory or a file without a name: it can be rewound as
# often as the application likes. Never reads past CONTENT_LENGTH; a body that
# breaks off raises, it must not look complete.

module Apppool
  class SpooledBody
    # A body up to this size is kept in memory, a larger one in a file.
    MAX_IN_MEMORY = 65_536

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
      @spool = @length > MAX_IN_MEMORY ? in_file : in_memory
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
end
