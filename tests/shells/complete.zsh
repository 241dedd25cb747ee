# What an interactive zsh makes of a line when Tab is pressed: the folder of `_winsessions`, then lines. Each line is told back
# between << and >>.
folder=$1
shift
zmodload zsh/zpty || exit 1
zpty shell zsh -f -i
zpty -w shell "stty cols 500; PS1=; PS2=; fpath=(${(q)folder} \$fpath); autoload -Uz compinit; compinit -u -D
tell() { zle complete-word; print -r -- \"<\"\"<\$BUFFER>\"\">\"; BUFFER= }
zle -N tell; bindkey '^I' tell; print 'rea''dy'"
zpty -r shell read '*ready*'
for line; do
  zpty -n -w shell "$line"$'\t'
  zpty -r shell read '*<<*>>*'
  print -r -- "<<${${read##*<<}%%>>*}>>"
done
zpty -d shell
