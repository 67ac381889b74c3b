using System.CommandLine;
using Tenfold.Cli.Configure;
using Tenfold.Cli.Grow;
using Tenfold.Cli.Limits;
using Tenfold.Cli.Prove;
using Tenfold.Cli.Run;

namespace Tenfold.Cli.CommandLine;

/// <summary>All commands.</summary>
internal static class TenfoldCommands
{
    public static RootCommand Create()
    {
        var root = new RootCommand("Tenfold: the systems that every growing product needs, for .NET, the same code at every size.")
        {
            UpCommand.Create(),
            StatusCommand.Create(),
            OpenCommand.Create(),
            LabCommand.Create(),
            DoctorCommand.Create(),
            PlanCommand.Create(),
            LimitsCommand.Create(),
            ConfigCommand.Create(),
        };
        root.SetAction(parsed =>
        {
            parsed.InvocationConfiguration.Output.Write(HelpText.For(root));
            return ExitCode.Ok;
        });
        HelpText.Install(root);
        return root;
    }
}
