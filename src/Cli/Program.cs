using PipeRoll.Cli;

return await PipeRollCli.RunAsync(args, new CliConsole(Console.In, Console.Out, Console.Error), CancellationToken.None);
