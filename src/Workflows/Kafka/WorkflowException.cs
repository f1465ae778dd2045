namespace PipeRoll.Workflows.Kafka;

/// <summary>Something outside us is not as it must be; the text says what is wrong and what to do.</summary>
public class WorkflowException : Exception
{
    public WorkflowException(string message)
        : base(message)
    {
    }

    public WorkflowException(string message, Exception cause)
        : base(message, cause)
    {
    }
}

/// <summary>No broker of the cluster answered in time.</summary>
public sealed class ClusterUnreachableException : WorkflowException
{
    public ClusterUnreachableException(string bootstrap, string why)
        : base(
            $"no Kafka broker answers at {bootstrap} ({why}): start one (./piperoll up) or give another address with --bootstrap HOST:PORT")
    {
    }
}
