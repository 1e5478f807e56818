import type { Command } from 'commander';
import type { Cli } from '../../frame/cli.ts';
import type { Shell } from './completion.ts';

const SHELLS: readonly Shell[] = ['bash', 'zsh', 'fish', 'powershell'];

/** `stella completion SHELL` prints a script; the script calls the hidden `stella complete -- WORD...`. */
export function registerCompletion(program: Command, cli: Cli): void {
  const command = cli.command(program, 'completion', 'print a script that completes commands in your shell');
  command.addArgument(command.createArgument('<shell>', 'which shell').choices(SHELLS));
  cli.action<object, [Shell]>(command, async (_run, shell) => {
    const { completionScript } = await import('./completion.ts');
    const script = completionScript(shell).trimEnd();
    return { json: { shell, script }, text: script, verbatim: true };
  });
  program
    .command('complete', { hidden: true })
    .argument('[words...]')
    .allowUnknownOption()
    .action(async (words: string[]) => {
      const { completions } = await import('./completion.ts');
      cli.io.stdout(completions(program, words));
    });
}
