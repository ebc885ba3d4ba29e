package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/jackc/pgconn"
	"github.com/jackc/pgx/v4"
	"github.com/jackc/pgx/v4/pgxpool"
)

var in = bufio.NewReader(os.Stdin)

func checkpoint() {
	fmt.Println("locks?")
	in.ReadString('\n')
}

func say(err error) {
	var e *pgconn.PgError
	if errors.As(err, &e) {
		fmt.Println(e.Code, e.Message)
	} else {
		fmt.Println(err)
	}
}

func main() {
	ctx := context.Background()
	p, err := pgxpool.Connect(ctx, "host=127.0.0.1 port="+os.Getenv("PGPORT")+" user=app password=secret dbname=app sslmode=disable")
	if err != nil {
		panic(err)
	}
	a, _ := p.Acquire(ctx)
	b, _ := p.Acquire(ctx)
	_, err = a.Exec(ctx, "SELECT pg_advisory_lock($1)", 42)
	say(err)
	var ok bool
	err = b.QueryRow(ctx, "SELECT pg_try_advisory_lock($1)", 42).Scan(&ok)
	fmt.Println(ok, err)
	checkpoint()
	err = a.QueryRow(ctx, "SELECT pg_advisory_unlock($1)", 42).Scan(&ok)
	fmt.Println(ok, err)
	tx, err := a.Begin(ctx)
	say(err)
	_, err = tx.Exec(ctx, "SELECT pg_advisory_xact_lock($1, $2)", 1, 2)
	say(err)
	inner, err := tx.Begin(ctx)
	say(err)
	_, err = inner.Exec(ctx, "SELECT pg_advisory_xact_lock(hashtext($1))", "job")
	say(err)
	checkpoint()
	say(inner.Rollback(ctx))
	checkpoint()
	say(tx.Commit(ctx))
	checkpoint()
	batch := &pgx.Batch{}
	batch.Queue("SELECT pg_advisory_lock($1)", 9)
	batch.Queue("SELECT pg_try_advisory_lock($1)", 10)
	results := a.SendBatch(ctx, batch)
	_, err = results.Exec()
	say(err)
	err = results.QueryRow().Scan(&ok)
	fmt.Println(ok, err)
	say(results.Close())
	_, err = a.Exec(ctx, "SELECT pg_advisory_lock(11); SELECT 1", pgx.QuerySimpleProtocol(true))
	say(err)
	checkpoint()
	limited, cancel := context.WithTimeout(ctx, 300*time.Millisecond)
	_, err = b.Exec(limited, "SELECT pg_advisory_lock(9)")
	fmt.Println(err)
	cancel()
	b.Release()
	a.Conn().Close(ctx)
	a.Release()
	checkpoint()
	say(p.Ping(ctx))
	p.Close()
}
