export default function Page() {
  return <p>Locks are at /locks</p>
}
