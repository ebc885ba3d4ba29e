use strict;
use DBI;
$| = 1;
sub checkpoint { print "locks?\n"; <STDIN> }
my @login = ("dbi:Pg:host=127.0.0.1;port=$ENV{PGPORT};dbname=app", 'app', 'secret', { RaiseError => 1, PrintError => 0, PrintWarn => 0 });
my $a = DBI->connect(@login);
$a->do('SELECT pg_advisory_lock(42)');
checkpoint();
my ($unlocked) = $a->selectrow_array('SELECT pg_advisory_unlock(?)', undef, 42);
print "unlock $unlocked\n";
my $try = $a->prepare('SELECT pg_try_advisory_lock(?, ?) AS got');
for my $i (1 .. 4) {
    $try->execute($i, 2);
    print "try @{[ %{ $try->fetchrow_hashref } ]}\n";
}
checkpoint();
$try->finish;
print "ping ", $a->ping, "\n";
$a->begin_work;
$a->do('SELECT pg_advisory_xact_lock(7)');
checkpoint();
$a->rollback;
checkpoint();
my $b = DBI->connect(@login);
$b->do("SET lock_timeout = '200ms'");
eval { $b->do('SELECT pg_advisory_lock(1, 2)') };
print $b->state, ' ', $b->errstr, "\n";
print "ping ", $b->ping, "\n";
$a->disconnect;
$b->disconnect;
checkpoint();
