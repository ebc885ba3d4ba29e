import { describeDistributedRows } from '../contract/distributed.contract.js'

for (const isolation of ['repeatable read', 'read committed']) describeDistributedRows(isolation)
