/** Colours meet WCAG AA on their grounds, light and dark; nothing is said by colour alone. */
export const STYLE = `:root{--bg:#fff;--fg:#1a1d21;--soft:#555c66;--line:#c3c8cf;--track:#e6e9ee;--bar:#9db8e8;--onbar:#0c2148;
--good:#1f7a43;--ongood:#fff;--warn:#ffd16b;--onwarn:#3d2b00;--bad:#b3261e;--onbad:#fff;--quiet:#c9ced6;--onquiet:#24282e;--goodtext:#176636;--warntext:#7a4d00;--badtext:#a81f18;--box:#f5f7fa}
@media (prefers-color-scheme:dark){:root{--bg:#14171b;--fg:#e9ecf0;--soft:#a9b1bc;--line:#464d57;--track:#2a3038;--bar:#3c5c96;--onbar:#eaf1ff;
--good:#2f8a54;--ongood:#fff;--warn:#c79a34;--onwarn:#1f1600;--bad:#c9433b;--onbad:#fff;--quiet:#555d68;--onquiet:#fff;--goodtext:#71d79b;--warntext:#f0c260;--badtext:#ff9d96;--box:#1d2228}}
*{box-sizing:border-box}
body{margin:0;background:var(--bg);color:var(--fg);font:15px/1.5 system-ui,-apple-system,"Segoe UI",sans-serif}
main{max-width:860px;margin:0 auto;padding:28px 20px 48px}
h1{font-size:1.5rem;margin:0 0 .3rem;overflow-wrap:anywhere}h2{font-size:1.15rem;margin:2.2rem 0 .6rem;border-bottom:1px solid var(--line);padding-bottom:.25rem}
.standing{margin:0 0 1.2rem}.soft{color:var(--soft)}
dl{display:grid;grid-template-columns:max-content 1fr;gap:.15rem 1.2rem;margin:0}dt{color:var(--soft)}dd{margin:0;overflow-wrap:anywhere}
figure{margin:0 0 .8rem}svg{display:block;width:100%;height:auto;font-size:13px}
.scroll{overflow-x:auto}table{border-collapse:collapse;width:100%;font-size:.87rem}caption{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%)}
th,td{text-align:left;padding:.3rem .9rem .3rem 0;border-bottom:1px solid var(--line);vertical-align:top}th{color:var(--soft);font-weight:600;white-space:nowrap}
.hex{font-family:ui-monospace,monospace;font-size:.78rem;overflow-wrap:anywhere;min-width:16em}.time{white-space:nowrap}
text{fill:var(--fg)}text.soft{fill:var(--soft)}.strong{font-weight:600}
.box{fill:var(--box);stroke:var(--line)}.box.bad{fill:var(--box);stroke:var(--bad);stroke-width:2}
.bar{fill:var(--bar)}.good{fill:var(--good)}.warn{fill:var(--warn)}.bad{fill:var(--bad)}.quiet{fill:var(--quiet)}.track{fill:var(--track)}
.on-bar{fill:var(--onbar)}.on-good{fill:var(--ongood)}.on-warn{fill:var(--onwarn)}.on-bad{fill:var(--onbad)}.on-quiet{fill:var(--onquiet)}
.goodtext{color:var(--goodtext);fill:var(--goodtext)}.warntext{color:var(--warntext);fill:var(--warntext)}.badtext{color:var(--badtext);fill:var(--badtext);font-weight:600}
.link{stroke:var(--soft);stroke-width:1.2}.grid{stroke:var(--line);stroke-dasharray:2 4}.today{stroke:var(--fg);stroke-width:2}.mark{stroke:var(--fg);stroke-width:1.5}
.arc{fill:none;stroke:var(--soft);stroke-width:1.2}.dot{fill:none;stroke:var(--soft)}.dot.full{fill:var(--soft)}
@media print{:root{--bg:#fff;--fg:#000;--soft:#444;--line:#999;--track:#e6e9ee;--bar:#9db8e8;--onbar:#0c2148;--good:#1f7a43;--warn:#ffd16b;--onwarn:#3d2b00;--bad:#b3261e;--quiet:#c9ced6;--onquiet:#24282e;--goodtext:#176636;--warntext:#7a4d00;--badtext:#a81f18;--box:#fff}
body{font-size:10pt;-webkit-print-color-adjust:exact;print-color-adjust:exact}main{max-width:none;padding:0}section{break-inside:avoid}.scroll{overflow:visible}@page{margin:15mm}}`;
