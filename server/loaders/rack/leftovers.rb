# SPDX-License-Identifier: Apache-2.0
# frozen_string_literal: true

# leftovers.rb - what loading left behind that no fork has, or that all of them
# share.

module Apppool
  class Leftovers
    # own: descriptors that are ours
    def initialize(own)
      @own = own
    end

    def warn
      threads.each do |name|
        say("started the thread #{name}, which no process forked from it " \
            'will have; start it')
      end
      descriptors.each do |what|
        say("opened #{what}, which all processes forked from it share; open it")
      end
    end

    private

    def say(what)
      Apppool.log("rack_loader: warning: loading the application #{what} in " \
                  "Apppool.after_fork or say PoolSpawnMethod direct\n")
    end

    # Rails marks threads of its own that a fork starts anew.
    def threads
      others = Thread.list - [Thread.main]
      others.reject! { |thread| thread.thread_variable_get(:fork_safe) }
      others.map { |thread| thread.name || thread.inspect }
    end

    def descriptors
      found = Dir.children('/proc/self/fd').map(&:to_i).sort - @own - [0, 1, 2]
      found.map { |fd| describe(fd) }.compact
    end

    # A socket, or a file open for both reading and writing; else nil.
    def describe(descriptor)
      name = File.readlink("/proc/self/fd/#{descriptor}")
      return describe_socket(descriptor) if name.start_with?('socket:')
      info = File.read("/proc/self/fdinfo/#{descriptor}")
      flags = info[/^flags:\s*(\h+)/, 1]
      return unless flags.to_i(8) & IO::RDWR != 0 && File.file?(name)
      "the file #{name} for writing"
    rescue SystemCallError
      nil       # closed meanwhile, as the folder's own
    end

    def describe_socket(descriptor)
      socket = BasicSocket.for_fd(descriptor)
      socket.autoclose = false
      "a connection to #{address(socket.remote_address)}"
    rescue SystemCallError
      "a socket at #{address(socket.local_address)}"
    end

    def address(found)
      return "#{found.ip_address} port #{found.ip_port}" if found.ip?
      path = found.unix? ? found.unix_path : ''
      path.empty? ? 'a socket without a name' : path
    end
  end
end
