# SPDX-License-Identifier: Apache-2.0
# frozen_string_literal: true

# report.rb - the socket over which the pool hears how the start went.
#
# No `socket` before Bundler has had its say: it would fix the versions of the
# gems it loads.

module Apppool
  class Report
    MAX_PACKET = 8000   # README

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
end
