# SPDX-License-Identifier: Apache-2.0
# frozen_string_literal: true

# stream.rb - what a streaming body of Rack 3 is called with.

module Apppool
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

    # Input was taken already.
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
end
