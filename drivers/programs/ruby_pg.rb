require 'pg'
$stdout.sync = true

OPTIONS = { host: '127.0.0.1', port: ENV['PGPORT'], user: 'app', password: 'secret', dbname: 'app' }

def checkpoint
  puts 'locks?'
  $stdin.gets
end

def run(connection, sql, values = nil)
  result = values ? connection.exec_params(sql, values) : connection.exec(sql)
  puts "#{sql} #{result.fields} #{result.values} #{result.cmd_status}"
rescue PG::Error => e
  puts "#{sql} #{e.class} #{e.message.lines.first.strip}"
end

a = PG.connect(**OPTIONS)
notices = []
a.set_notice_processor { |text| notices << text.strip }
run(a, 'SELECT pg_advisory_lock(42)')
a.prepare('l', 'SELECT pg_try_advisory_lock($1, $2)')
puts a.exec_prepared('l', [1, 2]).getvalue(0, 0)
puts a.describe_prepared('l').ftype(0), a.describe_prepared('l').nparams, a.describe_prepared('l').paramtype(0)
checkpoint
run(a, 'SELECT pg_advisory_unlock($1)', [42])
run(a, 'SELECT pg_advisory_unlock($1)', [42])
p notices
binary = a.exec_params('SELECT pg_try_advisory_lock($1)', [{ value: [43].pack('q>'), type: 20, format: 1 }], 1)
p binary.getvalue(0, 0)
checkpoint
a.reset
checkpoint

b = PG.connect(**OPTIONS)
run(b, 'SELECT pg_advisory_lock(42)')
canceling = Thread.new { sleep 0.3; a.cancel }
run(a, 'SELECT pg_advisory_lock(42)')
canceling.join
a.transaction do |c|
  run(c, 'SELECT pg_advisory_xact_lock($1)', [7])
  checkpoint
end
checkpoint
run(a, 'BEGIN; SELECT pg_advisory_xact_lock(8); SELECT pg_try_advisory_lock(9); COMMIT')
checkpoint
a.send_query('SELECT pg_advisory_lock(10); SELECT 1 AS one')
while (result = a.get_result)
  p result.values
end
checkpoint
a.close
b.close
checkpoint
