using Microsoft.AspNetCore.Http;
using PipeRoll.Broker.Security;
using PipeRoll.Server.Http;
using PipeRoll.Server.Http.Workflows;
using PipeRoll.Workflows.Blocking;
using PipeRoll.Workflows.Deciding;
using PipeRoll.Workflows.Holding;
using PipeRoll.Workflows.Life;
using PipeRoll.Workflows.Manifest;

namespace PipeRoll.Server.Tests.Http;

public sealed class HttpSecurityTests
{
    [Theory]
    [InlineData("GET", "/api/v1/cluster", AclOperation.Describe, ResourceType.Cluster, "kafka-cluster")]
    [InlineData("POST", "/api/v1/cluster/drain", AclOperation.Alter, ResourceType.Cluster, "kafka-cluster")]
    [InlineData("GET", "/metrics", AclOperation.Describe, ResourceType.Cluster, "kafka-cluster")]
    [InlineData("POST", "/subjects/orders-value/versions", AclOperation.Write, ResourceType.Topic, "orders")]
    [InlineData("POST", "/subjects/orders-key/versions", AclOperation.Write, ResourceType.Topic, "orders")]
    [InlineData("POST", "/subjects/com.acme.Order/versions", AclOperation.Alter, ResourceType.Cluster, "kafka-cluster")]
    [InlineData("DELETE", "/subjects/orders-value", AclOperation.Alter, ResourceType.Cluster, "kafka-cluster")]
    [InlineData("PUT", "/config", AclOperation.Alter, ResourceType.Cluster, "kafka-cluster")]
    [InlineData("POST", "/api/v1/workflows/pay/decide", AclOperation.Write, ResourceType.Topic, "payments")]
    [InlineData("POST", "/api/v1/workflows/pay/decide-batch", AclOperation.Write, ResourceType.Topic, "payments")]
    [InlineData("GET", "/api/v1/workflows/pay/decisions", AclOperation.Read, ResourceType.Topic, "payments.decisions")]
    [InlineData("GET", "/api/v1/workflows/pay/policies", AclOperation.Describe, ResourceType.Topic, "payments.decisions")]
    [InlineData("GET", "/api/v1/workflows/pay/policies/history", AclOperation.Describe, ResourceType.Topic, "payments.decisions")]
    [InlineData("POST", "/api/v1/workflows/pay/policies", AclOperation.Alter, ResourceType.Topic, "payments.decisions")]
    [InlineData("POST", "/api/v1/workflows/pay/policies/315485/approve", AclOperation.Alter, ResourceType.Topic, "payments.decisions")]
    [InlineData("GET", "/api/v1/workflows/pay/holds", AclOperation.Read, ResourceType.Topic, "payments.decisions")]
    [InlineData("POST", "/api/v1/workflows/pay/holds/release", AclOperation.Write, ResourceType.Topic, "payments.decisions")]
    [InlineData("POST", "/api/v1/workflows/other/decide", AclOperation.Alter, ResourceType.Cluster, "kafka-cluster")]
    [InlineData("GET", "/api/v1/workflows", AclOperation.Describe, ResourceType.Cluster, "kafka-cluster")]
    public void A_request_takes_a_right(string method, string path, AclOperation operation, ResourceType type, string name) =>
        Assert.Equal((operation, type, name), Needs(method, path));

    [Theory]
    [InlineData("GET", "/schemas/ids/1")]
    [InlineData("GET", "/subjects")]
    [InlineData("POST", "/subjects/orders-value")]
    [InlineData("POST", "/compatibility/subjects/orders-value/versions/latest")]
    public void Whoever_has_authenticated_may_read_and_try_schemas(string method, string path) => Assert.Null(Needs(method, path));

    private static (AclOperation Operation, ResourceType Type, string Name)? Needs(string method, string path)
    {
        var http = new DefaultHttpContext();
        http.Request.Method = method;
        http.Request.Path = path;
        return HttpSecurity.Needs(http.Request, new OneWorkflow());
    }

    private sealed class OneWorkflow : IWorkflowDirectory, IHostedWorkflow
    {
        public IEnumerable<IHostedWorkflow> All => [this];

        public WorkflowManifest Manifest { get; } = new()
        {
            Name = "pay",
            SourceTopic = "payments",
            Partitions = 1,
            PolicyFile = "",
            DecisionTopic = "payments.decisions",
            Routes = new Dictionary<string, string>(),
            DeadLetterTopic = "dead",
        };

        public WorkflowPlan Plan => throw new NotSupportedException();

        public WorkflowProgress Progress => throw new NotSupportedException();

        public DecisionDesk? Desk => null;

        public PolicyDesk? Policies => null;

        public HoldDesk? Holds => null;

        public string? Problem => null;

        public IHostedWorkflow? Find(string name) => name == Manifest.Name ? this : null;

        public DecisionStream Follow(string? position) => throw new NotSupportedException();
    }
}
