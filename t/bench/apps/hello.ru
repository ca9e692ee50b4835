# SPDX-License-Identifier: Apache-2.0
# The benchmarks' application as Rack: /, /big, /upload, /sleep.
hello = "Hello, world!\n".freeze
big = ("x" * (1 << 20)).freeze

run(lambda do |env|
  body = hello
  case env["PATH_INFO"]
  when "/big" then body = big
  when "/upload"
    length = 0
    piece = +""
    length += piece.bytesize while env["rack.input"].read(65_536, piece)
    body = "#{length}\n"
  when "/sleep" then sleep 0.05
  end
  [200, { "content-type" => "text/plain",
          "content-length" => body.bytesize.to_s }, [body]]
end)
