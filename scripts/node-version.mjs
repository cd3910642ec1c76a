// First import of every script, in syntax that old versions parse.
const [major, minor] = process.versions.node.split('.').map(Number)
const fits = (major === 20 && minor >= 19) || (major === 22 && minor >= 13) || major >= 24
if (!fits) {
  process.stderr.write(`Parley needs Node 20.19 or later, 22.13 or later, or 24; this is ${process.versions.node}.\n`)
  process.stderr.write('Install one of them (nvm install 20), and start again.\n')
  process.exit(1)
}
