using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace PipeRoll.Simulation.Engine;

/// <summary>What a process logs, as lines of the trace: only while somebody reads it, that is when a failure is run again.</summary>
internal sealed class TraceLoggers : ILoggerFactory
{
    private readonly SimulationTrace _trace;
    private readonly string _process;

    private TraceLoggers(SimulationTrace trace, string process)
    {
        _trace = trace;
        _process = process;
    }

    public static ILoggerFactory For(SimulatedWorld world, SimulatedProcess process) =>
        world.Trace.IsVerbose ? new TraceLoggers(world.Trace, process.Name) : NullLoggerFactory.Instance;

    public ILogger CreateLogger(string categoryName) => new TraceLogger(this);

    public void AddProvider(ILoggerProvider provider)
    {
    }

    public void Dispose()
    {
    }

    private sealed class TraceLogger(TraceLoggers factory) : ILogger
    {
        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(
            LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter) =>
            factory._trace.Say($"  [{factory._process}] {logLevel}: {formatter(state, exception)} {exception?.GetType().Name} {exception?.Message}");
    }
}
