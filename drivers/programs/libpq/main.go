package main

import (
	"bufio"
	"context"
	"database/sql"
	"fmt"
	"os"
	"time"

	"github.com/lib/pq"
)

var in = bufio.NewReader(os.Stdin)

func checkpoint() {
	fmt.Println("locks?")
	in.ReadString('\n')
}

func say(err error) {
	if e, ok := err.(*pq.Error); ok {
		fmt.Println(e.Code, e.Message)
	} else {
		fmt.Println(err)
	}
}

func main() {
	db, err := sql.Open("postgres", "host=127.0.0.1 port="+os.Getenv("PGPORT")+" user=app password=secret dbname=app sslmode=disable")
	if err != nil {
		panic(err)
	}
	ctx := context.Background()
	a, _ := db.Conn(ctx)
	b, _ := db.Conn(ctx)
	_, err = a.ExecContext(ctx, "SELECT pg_advisory_lock($1)", 42)
	say(err)
	checkpoint()
	var ok bool
	err = a.QueryRowContext(ctx, "SELECT pg_advisory_unlock($1)", 42).Scan(&ok)
	fmt.Println(ok, err)
	// golang-migrate sends this lock statement.
	_, err = a.ExecContext(ctx, "SELECT pg_advisory_lock($1)", "1234567890")
	say(err)
	checkpoint()
	prepared, err := a.PrepareContext(ctx, "SELECT pg_try_advisory_lock($1, $2)")
	say(err)
	for i := 0; i < 3; i++ {
		err = prepared.QueryRowContext(ctx, i, 2).Scan(&ok)
		fmt.Println(ok, err)
	}
	checkpoint()
	limited, cancel := context.WithTimeout(ctx, 300*time.Millisecond)
	_, err = b.ExecContext(limited, "SELECT pg_advisory_lock(0, 2)")
	say(err)
	cancel()
	tx, err := a.BeginTx(ctx, &sql.TxOptions{Isolation: sql.LevelSerializable})
	say(err)
	_, err = tx.ExecContext(ctx, "SELECT pg_advisory_xact_lock($1)", 7)
	say(err)
	checkpoint()
	say(tx.Commit())
	checkpoint()
	say(db.Ping())
	a.Close()
	b.Close()
	db.Close()
	checkpoint()
}
