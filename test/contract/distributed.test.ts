import { describeDistributedRows } from './distributed.contract.js'

// The other levels are in test/proofs.
describeDistributedRows('serializable')
