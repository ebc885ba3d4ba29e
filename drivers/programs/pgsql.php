<?php
function checkpoint() { echo "locks?\n"; fgets(STDIN); }
$port = getenv('PGPORT');
$a = pg_connect("host=127.0.0.1 port=$port user=app password=secret dbname=app");
pg_query($a, 'SELECT pg_advisory_lock(42)');
checkpoint();
$result = pg_query_params($a, 'SELECT pg_advisory_unlock($1)', [42]);
echo json_encode([pg_fetch_all($result), pg_field_type($result, 0)]), "\n";
pg_prepare($a, 'try', 'SELECT pg_try_advisory_lock($1, $2) AS got');
echo json_encode(pg_fetch_all(pg_execute($a, 'try', [1, 2]))), "\n";
checkpoint();
pg_close($a);
checkpoint();

$dsn = "pgsql:host=127.0.0.1;port=$port;dbname=app";
$p = new PDO($dsn, 'app', 'secret', [PDO::ATTR_ERRMODE => PDO::ERRMODE_EXCEPTION]);
$s = $p->prepare('SELECT pg_advisory_lock(?)');
$s->execute([42]);
$s = null;
checkpoint();
$s = $p->prepare('SELECT pg_advisory_unlock(?)');
$s->execute([42]);
var_dump($s->fetchColumn());
$p->beginTransaction();
$p->query('SELECT pg_advisory_xact_lock(42)');
checkpoint();
$p->commit();
checkpoint();
$p->query('SELECT pg_advisory_lock(43)');
$q = new PDO($dsn, 'app', 'secret', [PDO::ATTR_ERRMODE => PDO::ERRMODE_EXCEPTION, PDO::ATTR_EMULATE_PREPARES => true]);
$q->exec("SET lock_timeout = '200ms'");
try {
    $q->query('SELECT pg_advisory_lock(43)');
} catch (PDOException $e) {
    echo $e->getCode(), ' ', $e->getMessage(), "\n";
}
$s = $q->prepare('SELECT pg_try_advisory_lock(:key)');
$s->execute(['key' => 44]);
var_dump($s->fetchAll(PDO::FETCH_ASSOC));
checkpoint();
$q = null;
$p = null;
$s = null;
checkpoint();
