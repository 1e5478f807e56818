/** The entry of the single executable (`npm run build:sea`). */
import { useEmbedded } from './embedded.ts';

useEmbedded();
void import('./stella.ts');
