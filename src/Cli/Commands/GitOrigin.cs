using System.Diagnostics;
using PipeRoll.Operations.Api;

namespace PipeRoll.Cli.Commands;

/// <summary>Where files of a git work tree come from, as the <c>git</c> command says.</summary>
internal static class GitOrigin
{
    /// <summary>The last commit that touched a policy's folder.</summary>
    /// <exception cref="UsageException">
    /// It is in no work tree, there is no git, or something there is not committed: then nobody could tell later what was handed in.
    /// </exception>
    public static (PolicyCommit Commit, string Subject) Of(string file)
    {
        string folder = Path.GetDirectoryName(Path.GetFullPath(file))!;
        string top = Git(folder, "rev-parse", "--show-toplevel");
        string changed = Git(folder, "status", "--porcelain", "--untracked-files=all", "--", ".");
        if (changed.Length > 0)
        {
            throw new UsageException($"{folder} holds changes that are not committed, so no commit stands for them: commit first\n{changed}");
        }

        string[] last = Git(folder, "log", "-1", "--format=%H%n%an <%ae>%n%s", "--", ".").Split('\n');
        return last.Length < 3
            ? throw new UsageException($"no commit holds {file}: commit it first")
            : (new PolicyCommit(last[0], Path.GetRelativePath(top, Path.GetFullPath(file)).Replace('\\', '/'), last[1]), last[2]);
    }

    private static string Git(string folder, params string[] arguments)
    {
        var start = new ProcessStartInfo("git", ["-C", folder, .. arguments]) { RedirectStandardOutput = true, RedirectStandardError = true };
        try
        {
            using Process git = Process.Start(start) ?? throw new UsageException("git can't be started");
            Task<string> problem = git.StandardError.ReadToEndAsync();
            string output = git.StandardOutput.ReadToEnd();
            git.WaitForExit();
            return git.ExitCode == 0 ? output.Trim() : throw new UsageException($"git {arguments[0]}: {problem.GetAwaiter().GetResult().Trim()}");
        }
        catch (System.ComponentModel.Win32Exception missing)
        {
            throw new UsageException($"the git command is needed for this: {missing.Message}");
        }
    }
}
