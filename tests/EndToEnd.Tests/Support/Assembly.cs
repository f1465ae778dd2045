// Each test starts servers and clients of its own: one at a time, so that two cores are enough for the time limits to mean something.
[assembly: CollectionBehavior(DisableTestParallelization = true)]
