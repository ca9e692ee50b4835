# SPDX-License-Identifier: Apache-2.0
# frozen_string_literal: true

# waiter.rb - all connections that no thread is busy with. One thread at a time
# waits for all of them on behalf of the others.

module Apppool
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
end
