# Takes the lock of Rails migrations, and uses a connection pool of Active Record.
require 'active_record'
$stdout.sync = true

def checkpoint
  puts 'locks?'
  $stdin.gets
end

ActiveRecord::Base.establish_connection(
  adapter: 'postgresql', host: '127.0.0.1', port: ENV['PGPORT'], username: 'app', password: 'secret', database: 'app', pool: 5
)
ActiveRecord::Base.logger = nil
ActiveRecord::Migration.verbose = false
connection = ActiveRecord::Base.connection

class CreateThings < ActiveRecord::Migration[6.1]
  def up
    execute 'DROP TABLE IF EXISTS things'
    create_table(:things) { |t| t.string :name }
    checkpoint
  end
end

# Calls the migrator directly. It takes the migration lock whatever the version.
def migrate
  schema = ActiveRecord::SchemaMigration
  schema.create_table
  schema.where(version: '1').delete_all
  migration = CreateThings.new('CreateThings', 1)
  ActiveRecord::Migrator.new(:up, [migration], schema, 1).migrate
end
migrate
checkpoint

class Thing < ActiveRecord::Base; end
Thing.create!(name: 'a')
puts Thing.where(name: 'a').count
# The gem with_advisory_lock sends these statements.
2.times do |i|
  puts connection.select_value("SELECT pg_try_advisory_lock(705848443,0) AS t#{i}abc /* job */").inspect
  checkpoint
  puts connection.select_value("SELECT pg_advisory_unlock(705848443,0) AS t#{i}def /* job */").inspect
end
puts connection.get_advisory_lock(99).inspect
checkpoint
puts connection.release_advisory_lock(99).inspect
Thing.transaction do
  connection.execute('SELECT pg_advisory_xact_lock(7)')
  Thing.create!(name: 'b')
  checkpoint
end
begin
  Thing.transaction do
    connection.execute('SELECT pg_advisory_xact_lock(8)')
    Thing.create!(name: 'c')
    raise 'no'
  end
rescue RuntimeError => e
  puts e.message
end
checkpoint
puts Thing.order(:id).pluck(:name).inspect
ActiveRecord::Base.connection_pool.disconnect!
checkpoint
