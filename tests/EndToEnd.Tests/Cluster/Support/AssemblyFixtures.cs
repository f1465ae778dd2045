[assembly: AssemblyFixture(typeof(PipeRoll.EndToEnd.Tests.Cluster.Support.ClusterBackends))]
