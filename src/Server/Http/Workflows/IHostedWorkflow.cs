using PipeRoll.Workflows.Blocking;
using PipeRoll.Workflows.Deciding;
using PipeRoll.Workflows.Holding;
using PipeRoll.Workflows.Life;
using PipeRoll.Workflows.Manifest;

namespace PipeRoll.Server.Http.Workflows;

/// <summary>The workflows of this server.</summary>
internal interface IWorkflowDirectory
{
    IEnumerable<IHostedWorkflow> All { get; }

    IHostedWorkflow? Find(string name);
}

/// <summary>A workflow as HTTP sees it.</summary>
internal interface IHostedWorkflow
{
    WorkflowManifest Manifest { get; }

    WorkflowPlan Plan { get; }

    WorkflowProgress Progress { get; }

    /// <summary>Null until the workflow has reached its cluster.</summary>
    DecisionDesk? Desk { get; }

    /// <summary>Why it does not run; null if it does.</summary>
    string? Problem { get; }

    /// <summary>The versions of its policy; null until the workflow has reached its cluster.</summary>
    PolicyDesk? Policies { get; }

    /// <summary>Its held events; null until the workflow has reached its cluster.</summary>
    HoldDesk? Holds { get; }

    /// <summary>Its decisions from a position on (<see cref="DecisionStream"/>).</summary>
    DecisionStream Follow(string? position);
}
